"""As :mod:`.recipes`, for sequences without gaps whose lengths, and so how many steps there are, a call brings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from everystep.engines.llvm.arenas import kept
from everystep.engines.llvm.frames import PackedFrames, Ready
from everystep.engines.llvm.memory import room
from everystep.engines.llvm.packed import Sequences
from everystep.engines.llvm.programs import Program
from everystep.engines.llvm.recipes import add_copies, begin, fill_gradients
from everystep.engines.llvm.slots import (
    Arranged,
    BackwardSlots,
    ForwardSlots,
    Names,
    Part,
    Y,
    copied,
    fill,
)

Room = Callable[[int, torch.dtype], Tensor]  # memory for packed rows of so many features


class PackedForward:
    """A forward pass.

    Args:
        program: A forward program that puts out y for every step.
        names: Of the tensors that :meth:`run` gets.
        parts: Of the state.
        rows: How many sequences.
    """

    def __init__(self, program: Program, names: Names, parts: Sequence[str], rows: int) -> None:
        self.slots, self.dtype = ForwardSlots(program, names, parts, rows), program.dtype
        self.frames = PackedFrames(program, self.slots.own.size)

    def run(self, tensors: Sequence[Tensor], sequences: Sequences, memory: Room) -> tuple[list[Tensor], list[Tensor]]:
        """Go through time.

        Args:
            tensors: x, packed; the state, longest sequence first; parameters.
            sequences: How x is packed.
            memory: Makes memory for y.

        Returns:
            What the way back needs: y, and the block of all else that is kept, if there is any; and the last state.
        """
        ready, arranged = self.frames.take(sequences.span), self.slots.arranged(sequences.taken)
        stored = [memory(self.slots.y, self.dtype)]
        if arranged.kept:
            stored += kept(1, [arranged.kept], self.dtype)
        bases = (stored[Y].data_ptr(), stored[-1].data_ptr(), ready.own)
        fill(ready.frame.block, self.slots.given, tensors, arranged.made, bases)
        ready.frame.run()
        last = [self._last(part, tensors, stored, arranged, sequences, ready) for part in self.slots.parts]
        self.frames.give(ready, sequences.span)
        return stored, last

    def _last(
        self,
        part: Part,
        tensors: Sequence[Tensor],
        stored: Sequence[Tensor],
        arranged: Arranged,
        sequences: Sequences,
        ready: Ready,
    ) -> Tensor:
        """A part after the last step of each sequence."""
        if part.output is None:
            halves = _rows(ready.memory, part.own, 2 * sequences.span.rows, part.size, self.dtype)
            after = halves.index_select(0, sequences.halves)
        else:
            within, at = arranged.spots[part.output]
            after = _rows(stored[within], at, sequences.taken, part.size, self.dtype)
            after = after.index_select(0, sequences.ends)
        return after if sequences.started is None else torch.where(sequences.started, after, tensors[part.given])


def _rows(memory: Tensor, at: int, rows: int, size: int, dtype: torch.dtype) -> Tensor:
    """The values (rows, size) that lie so many bytes into memory."""
    at //= memory.dtype.itemsize
    count = rows * size * dtype.itemsize // memory.dtype.itemsize
    return memory.view(-1)[at : at + count].view(dtype).view(rows, size)


class PackedBackward:
    """A pass back.

    Args:
        program: A backward program.
        forward: The recipe of the forward pass that it follows.
        names: Of the tensors that the forward pass was given.
        wanted: Whether each of them needs its gradient.
        parts: Of the state.
        rows: How many sequences.
    """

    def __init__(
        self,
        program: Program,
        forward: PackedForward,
        names: Names,
        wanted: Sequence[bool],
        parts: Sequence[str],
        rows: int,
    ) -> None:
        self.slots = BackwardSlots(program, forward.slots, names, wanted, parts, rows)
        self.dtype, self.frames = program.dtype, PackedFrames(program, self.slots.own.size)

    def run(
        self,
        tensors: Sequence[Tensor],
        stored: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        sequences: Sequences,
        memory: Room,
    ) -> list[Tensor | None]:
        """Go back through time.

        Args:
            tensors: What the forward pass was given.
            stored: What it stored.
            gradients: Of y, packed, and of the last state, longest sequence first; None for zeros.
            sequences: How x is packed.
            memory: Makes memory for the gradient of x.

        Returns:
            The gradient of each given tensor, None for those that have none.
        """
        slots, ready = self.slots, self.frames.take(sequences.span)
        found: list[Tensor | None] = [None] * len(tensors)
        for _, n in slots.found:
            found[n] = memory(tensors[n].shape[1], self.dtype)
        of_y = self._of_y(gradients[0], sequences)
        made = slots.made(slots.forward.arranged(sequences.taken))
        fill(ready.frame.block, slots.given, tensors, made, (stored[Y].data_ptr(), stored[-1].data_ptr(), ready.own))
        copies = fill_gradients(ready.frame.block, slots, tensors, found, of_y)
        for pair in slots.pairs:  # both halves: sequences begin at unlike steps
            begin(ready.own + pair.at, gradients[pair.last], pair.half)
            begin(ready.own + pair.at + pair.half, gradients[pair.last], pair.half)
        ready.frame.run()
        add_copies(found, copies)
        for pair in slots.pairs:
            if pair.wanted:
                found[pair.first] = copied(ready.own + pair.at, tensors[pair.first], pair.half)
        self.frames.give(ready, sequences.span)
        return found

    def _of_y(self, gradient: Tensor | None, sequences: Sequences) -> Tensor:
        if gradient is None:
            return room(sequences.taken, self.slots.forward.y, dtype=self.dtype).zero_()
        return gradient.contiguous()
