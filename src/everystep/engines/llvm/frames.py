"""Argument blocks with their scratch memory, used again by calls of the same kind.

Two calls never have the same one at a time: another thread takes another.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import torch
from torch import Tensor

from everystep.engines.llvm.frame import Frame
from everystep.engines.llvm.memory import room
from everystep.engines.llvm.programs import Program, Span

MOST_KINDS = 4  # numbers of threads for which frames are kept
MOST_BYTES = 4 << 20  # of a frame that is kept


class Ready(NamedTuple):
    """A frame, and memory beside it that what calls it has a use for."""

    frame: Frame
    memory: Tensor
    own: int  # its address
    free: list[Ready]  # where it goes when it is not in use


class Frames:
    """The frames of one program for one span that are not in use, of this process and for its number of threads.

    Args:
        program: What to run.
        span: The steps, without gaps.
        own: Bytes of memory beside each frame.
    """

    def __init__(self, program: Program, span: Span, own: int) -> None:
        self.program, self.span, self.own = program, span, own
        self._free: dict[tuple[int, int], list[Ready]] = {}

    def take(self) -> Ready:
        """A frame for one call; every slot that is not scratch memory is still to be filled in."""
        kind = (torch.get_num_threads(), os.getpid())
        free = self._free.get(kind)
        if free is None:
            if len(self._free) >= MOST_KINDS:
                self._free.clear()
            free = self._free.setdefault(kind, [])
        try:
            return free.pop()
        except IndexError:
            memory = room(self.own, dtype=torch.uint8)
            return Ready(self.program.frame(self.span), memory, memory.data_ptr(), free)

    def give(self, ready: Ready) -> None:
        """Let the next call have it."""
        if ready.frame.size + self.own <= MOST_BYTES:
            ready.free.append(ready)


class PackedFrames:
    """The same for sequences of unlike lengths, whose lengths are others at each call.

    Args:
        program: What to run.
        own: Bytes of memory beside each frame.
    """

    def __init__(self, program: Program, own: int) -> None:
        self.program, self.own = program, own
        self._free: dict[tuple[int, ...], list[tuple[Ready, Span]]] = {}

    def take(self, span: Span) -> Ready:
        """A frame for one call; every slot that is not scratch memory is still to be filled in."""
        free = self._free.get(self._kind(span))
        try:
            ready, fitted = (free or []).pop()
        except IndexError:
            memory = room(self.own, dtype=torch.uint8)
            return Ready(self.program.frame(span), memory, memory.data_ptr(), [])
        if fitted is not span:
            self.program.fit(ready.frame, span)
        return ready

    def give(self, ready: Ready, span: Span) -> None:
        """Let the next call have it, which needs no other lengths if its own are the same."""
        if ready.frame.size + self.own > MOST_BYTES:
            return
        if len(self._free) > MOST_KINDS:
            self._free.clear()
        self._free.setdefault(self._kind(span), []).append((ready, span))

    def _kind(self, span: Span) -> tuple[int, ...]:
        chunk = self.program.chunk(span)
        return (self.program.crew(span, chunk).threads, os.getpid(), span.rows, chunk)
