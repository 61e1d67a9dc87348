"""Argument blocks with their scratch memory, used again by calls of the same kind.

Two calls never have the same one at a time: another thread takes another.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import torch

from everystep.engines.llvm.frame import Frame
from everystep.engines.llvm.programs import Program, Span

MOST_KINDS = 4  # spans whose frames are kept, for each program
MOST_BYTES = 4 << 20  # of a frame that is kept

Address = tuple[int, int]  # a slot of the layout, and what stands there


class Frames:
    """The frames of one program that are not in use, of this process and for its number of threads."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._free: dict[tuple[int, ...], list[Frame]] = {}

    def run(self, span: Span, addresses: Iterable[Address]) -> None:
        """Run the program on a span without gaps.

        Args:
            span: The steps.
            addresses: For every slot that is not scratch memory.
        """
        free = self._idle(span)
        try:
            frame = free.pop()
        except IndexError:
            frame = self.program.frame(span)
        block = frame.block
        for slot, address in addresses:
            block[slot] = address
        frame.run()
        if frame.size <= MOST_BYTES:
            free.append(frame)

    def _idle(self, span: Span) -> list[Frame]:
        kind = (span.steps, span.rows, span.reverse, torch.get_num_threads(), os.getpid())
        free = self._free.get(kind)
        if free is None:
            if len(self._free) >= MOST_KINDS:
                self._free.clear()
            free = self._free.setdefault(kind, [])
        return free
