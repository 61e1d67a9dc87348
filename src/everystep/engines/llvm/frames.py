"""Argument blocks with their scratch memory, used again by calls of the same kind.

Two calls never have the same one at a time: another thread takes another.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from contextlib import suppress
from typing import Any, NamedTuple

import torch
from torch import Tensor

from everystep.engines.forks import after_fork
from everystep.engines.llvm.frame import Frame
from everystep.engines.llvm.memory import room
from everystep.engines.llvm.programs import Program, Span

MOST_KINDS = 4  # numbers of threads for which frames are kept
MOST_BYTES = 4 << 20  # of a frame that is kept
MOST_HELD = 64 << 20  # bytes of all frames that are kept while nobody uses them
SMALL = 64 << 10  # bytes up to which a frame is not counted: there are a few hundred at most


class Ready(NamedTuple):
    """A frame, and memory beside it that what calls it has a use for."""

    frame: Frame
    memory: Tensor
    own: int  # its address
    free: list[Any]  # where it goes when it is not in use
    size: int  # bytes of both


def _made(program: Program, span: Span, own: int, free: list[Any]) -> Ready:
    memory, frame = room(own, dtype=torch.uint8), program.frame(span)
    return Ready(frame, memory, memory.data_ptr(), free, frame.size + own)


class _Shelf:
    """Counts the frames of all programs that are not in use, and lets the oldest go when they grow too large."""

    def __init__(self) -> None:
        self.bytes = 0
        self._held: OrderedDict[int, tuple[list[Any], Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, free: list[Any], kept: Any, size: int) -> None:
        """Put something in a list until it is taken, or until it is the oldest of too much."""
        free.append(kept)
        if size <= SMALL:
            return
        with self._lock:
            self._held[id(kept)] = free, kept, size
            self.bytes += size
            while self.bytes > MOST_HELD:
                _, (others, oldest, its_size) = self._held.popitem(last=False)
                self.bytes -= its_size
                with suppress(ValueError):  # somebody is taking it
                    others.remove(oldest)

    def take(self, free: list[Any]) -> Any:
        """Take what came last.

        Raises:
            IndexError: There is nothing.
        """
        kept = free.pop()
        if id(kept) in self._held:
            with self._lock:
                _, _, size = self._held.pop(id(kept), (None, None, 0))
                self.bytes -= size
        return kept


_shelf = _Shelf()


def _forget() -> None:
    global _shelf  # noqa: PLW0603 - another process holds none of it
    _shelf = _Shelf()


after_fork(_forget)


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
            return _shelf.take(free)
        except IndexError:
            return _made(self.program, self.span, self.own, free)

    def give(self, ready: Ready) -> None:
        """Let the next call have it."""
        if ready.size <= SMALL:
            ready.free.append(ready)
        elif ready.size <= MOST_BYTES:
            _shelf.put(ready.free, ready, ready.size)


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
            ready, fitted = _shelf.take(free or [])
        except IndexError:
            return _made(self.program, span, self.own, [])
        if fitted is not span:
            self.program.fit(ready.frame, span)
        return ready

    def give(self, ready: Ready, span: Span) -> None:
        """Let the next call have it, which needs no other lengths if its own are the same."""
        if ready.size > MOST_BYTES:
            return
        if len(self._free) > MOST_KINDS:
            self._free.clear()
        _shelf.put(self._free.setdefault(self._kind(span), []), (ready, span), ready.size)

    def _kind(self, span: Span) -> tuple[int, ...]:
        chunk = self.program.chunk(span)
        return (self.program.crew(span, chunk).threads, os.getpid(), span.rows, chunk)
