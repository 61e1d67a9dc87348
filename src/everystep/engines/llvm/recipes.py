"""How the passes of one kind of call are run, worked out once: what is left for a call are addresses.

The steps of such a call have no gaps; :mod:`.slots` says what it gives and gets.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import memmove, memset

import torch
from torch import Tensor

from everystep.engines.llvm.arenas import kept
from everystep.engines.llvm.frame import Block
from everystep.engines.llvm.frames import Frames
from everystep.engines.llvm.memory import Layout as Laid
from everystep.engines.llvm.memory import layout_of, room, zeros_in_place_of
from everystep.engines.llvm.programs import Program, Span
from everystep.engines.llvm.slots import (
    OWN,
    BackwardSlots,
    ForwardSlots,
    Names,
    Part,
    Spot,
    Y,
    copied,
    fill,
    room_like,
)


class ForwardRecipe:
    """A forward pass.

    Args:
        program: A forward program that puts out y for every step.
        names: Of the tensors that :meth:`run` gets.
        parts: Of the state.
        span: The steps.
    """

    def __init__(self, program: Program, names: Names, parts: Sequence[str], span: Span) -> None:
        self.slots, self.span, self.dtype = ForwardSlots(program, names, parts, span.rows), span, program.dtype
        self.arranged, self._line = self.slots.arranged(span.taken), span.rows * self.dtype.itemsize
        self.shape = (span.steps, span.rows, self.slots.y)
        self._last = [(part.given, self._end(part), part.size * self._line) for part in self.slots.parts]
        self.frames = Frames(program, span, self.slots.own.size)

    def _end(self, part: Part) -> Spot:
        """Where a part lies after the last step."""
        if part.output is None:
            return Spot(OWN, part.own + (self.span.steps & 1) * part.size * self._line)
        within, begin = self.arranged.spots[part.output]
        return Spot(within, begin + (0 if self.span.reverse else self.span.steps - 1) * part.size * self._line)

    def run(self, tensors: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Go through time.

        Returns:
            What the way back needs: y, and the block of all else that is kept, if there is any; and the last state.
        """
        ready = self.frames.take()
        stored = [room(*self.shape, dtype=self.dtype)]
        if self.arranged.kept:
            stored += kept(1, [self.arranged.kept], self.dtype)
        bases = (stored[Y].data_ptr(), stored[-1].data_ptr(), ready.own)
        fill(ready.frame.block, self.slots.given, tensors, self.arranged.made, bases)
        ready.frame.run()
        last = [copied(bases[within] + at, tensors[n], size) for n, (within, at), size in self._last]
        self.frames.give(ready)
        return stored, last

    def layouts(self, tensors: Sequence[Tensor]) -> list[Laid]:
        """How what was given, and what is stored, lies in memory."""
        stored = [torch.empty(self.shape, dtype=self.dtype, device="meta")]
        if self.arranged.kept:
            stored.append(torch.empty(1, self.arranged.kept, dtype=self.dtype, device="meta"))
        return [layout_of(value) for value in (*tensors, *stored)]


class BackwardRecipe:
    """A pass back: from the gradients of y and of the last state to those of everything given.

    Args:
        program: A backward program.
        forward: The recipe of the forward pass that it follows.
        names: Of the tensors that the forward pass was given.
        wanted: Whether each of them needs its gradient.
        parts: Of the state.
    """

    def __init__(
        self, program: Program, forward: ForwardRecipe, names: Names, wanted: Sequence[bool], parts: Sequence[str]
    ) -> None:
        rows = forward.span.rows
        self.slots = BackwardSlots(program, forward.slots, names, wanted, parts, rows)
        self.shape, self.dtype, self._odd = forward.shape, program.dtype, forward.span.steps & 1
        self.made, self.frames = self.slots.made(forward.arranged), Frames(program, forward.span, self.slots.own.size)

    def run(
        self, tensors: Sequence[Tensor], stored: Sequence[Tensor], gradients: Sequence[Tensor | None]
    ) -> list[Tensor | None]:
        """Go back through time.

        Args:
            tensors: What the forward pass was given.
            stored: What it stored.
            gradients: Of y and of the last state; None for zeros.

        Returns:
            The gradient of each given tensor, None for those that have none.
        """
        slots, ready = self.slots, self.frames.take()
        block, found = ready.frame.block, room_for(slots, tensors)
        of_y = self._of_y(gradients[0])
        fill(block, slots.given, tensors, self.made, (stored[Y].data_ptr(), stored[-1].data_ptr(), ready.own))
        copies = fill_gradients(block, slots, tensors, found, of_y)
        for pair in slots.pairs:
            begin(ready.own + pair.at + self._odd * pair.half, gradients[pair.last], pair.half)
        ready.frame.run()
        add_copies(found, copies)
        for pair in slots.pairs:
            if pair.wanted:
                found[pair.first] = copied(ready.own + pair.at, tensors[pair.first], pair.half)
        self.frames.give(ready)
        return found

    def _of_y(self, gradient: Tensor | None) -> Tensor:
        return room(*self.shape, dtype=self.dtype).zero_() if gradient is None else gradient.contiguous()


Found = list["Tensor | None"]
Copies = list[tuple[int, Tensor]]  # of gradients of parameters: which tensor's, and the copy


def room_for(slots: BackwardSlots, tensors: Sequence[Tensor]) -> Found:
    """Memory for the gradients that are found as they are, in the order of the tensors; None for the others."""
    found: Found = [None] * len(tensors)
    for _, n in slots.found:
        found[n] = room_like(tensors[n])
    return found


def fill_gradients(block: Block, slots: BackwardSlots, tensors: Sequence[Tensor], found: Found, of_y: Tensor) -> Copies:
    """Write the addresses of gradients; gives the copies of those of parameters, which begin with zeros."""
    for slot in slots.of_y:
        block[slot] = of_y.data_ptr()
    for slot, n in slots.found:
        block[slot] = found[n].data_ptr()  # type: ignore[union-attr]
    copies = [(n, zeros_in_place_of(tensors[n])) for _, n in slots.copies]
    for (slot, _), (_, copy) in zip(slots.copies, copies, strict=True):
        block[slot] = copy.data_ptr()
    return copies


def add_copies(found: Found, copies: Copies) -> None:
    """Sum up the copies of each gradient."""
    for n, copy in copies:
        first = found[n]
        found[n] = copy if first is None else first + copy


def begin(address: int, gradient: Tensor | None, size: int) -> None:
    """Write what the gradient of a part of the state begins with."""
    if gradient is None:
        memset(address, 0, size)
    else:
        dense = gradient.contiguous()  # held until it has been read
        memmove(address, dense.data_ptr(), size)
