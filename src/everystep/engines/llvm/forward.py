"""One run of a forward program: memory for everything that it stores, and what is found there afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from everystep.compiler.plan import Place
from everystep.engines.llvm.arenas import kept
from everystep.engines.llvm.layout import Initial, Root
from everystep.engines.llvm.memory import room
from everystep.engines.llvm.programs import Program, Span

Tensors = dict[str, Tensor]
PAIRED = {"entering", "leaving"}  # spaces of a part of the state, on either side of a step
SCRATCH = {"chunk", "step"}  # spaces that a program has memory for


class Given(NamedTuple):
    """What a pass is given, each dense in memory.

    Attributes:
        time: (steps of all rows, size) by place: ``x:NAME``, ``flag:NAME``, ``value:NAME``.
        state: Before the first step, (rows, size) by part.
        rows: What a row of the batch keeps over all steps, (rows, size) by name.
        roots: Parameters by name.
    """

    time: Tensors
    state: Tensors
    rows: Tensors
    roots: Tensors


class Forward:
    """A forward program with the memory of one run.

    Args:
        program: What to run.
        span: The steps.
        given: What they are given.
        into: Memory for what is given out, (steps of all rows, size) by output; there is some for all else that is
            stored, which must not be given out.
    """

    def __init__(self, program: Program, span: Span, given: Given, into: Mapping[str, Tensor] | None = None) -> None:
        self.span, self.given, self.dtype = span, given, program.dtype
        self.stored: Tensors = dict(into or {})  # (steps of all rows, size) by output
        self._pairs: Tensors = {}  # (2, rows, size) by part, the halves taken in turn
        self._sequences = program.plan.sequences
        self._make_room(program.layout.places)
        tensors: dict[object, Tensor] = {Root(name): value for name, value in given.roots.items()}
        tensors |= {place: self._at(place) for place in program.layout.places if place.space not in SCRATCH}
        tensors |= {Initial(place): given.state[place.name] for place in program.layout.initial}
        program.run(span, tensors)

    def last(self, part: str) -> Tensor:
        """A part of the state after the last step of each sequence."""
        before, span = self.given.state[part], self.span
        if part not in self._pairs and part not in self._sequences:
            return before
        if span.lengths is None:
            return self._after(part, span.steps)
        after = self._after_each(part, span.lengths)
        return torch.where((span.lengths > 0).unsqueeze(1), after, before)

    def _make_room(self, places: Iterable[Place]) -> None:
        """Make memory for what is stored for every step and has none yet."""
        sizes = {self._holder(place): place.size for place in places if place.space not in SCRATCH}
        own = {name: size for name, size in sizes.items() if name is not None and name not in self.stored}
        memory = kept(self.span.taken, list(own.values()), self.dtype)
        self.stored.update(zip(own, memory, strict=True))

    def _holder(self, place: Place) -> str | None:
        """The output that a place belongs to, if it is stored for every step."""
        if place.space in PAIRED:
            return self._sequences.get(place.name)
        return None if place.space == "row" or place.name in self.given.time else place.name

    def _at(self, place: Place) -> Tensor:
        holder = self._holder(place)
        if holder is not None:
            return self.stored[holder]
        if place.space in PAIRED:
            return self._pair(place)
        return (self.given.rows if place.space == "row" else self.given.time)[place.name]

    def _pair(self, place: Place) -> Tensor:
        if place.name not in self._pairs:
            self._pairs[place.name] = room(2, self.span.rows, place.size, dtype=self.dtype)
        return self._pairs[place.name]

    def _after(self, part: str, steps: int) -> Tensor:
        if part in self._pairs:
            return self._pairs[part][steps & 1]
        rows = self.stored[self._sequences[part]]
        return (rows[: self.span.rows] if self.span.reverse else rows[-self.span.rows :]).clone()

    def _after_each(self, part: str, lengths: Tensor) -> Tensor:
        each = torch.arange(self.span.rows, device="cpu")
        if part in self._pairs:
            return self._pairs[part][lengths & 1, each]
        starts = self.span.starts
        assert starts is not None
        rows = starts[(lengths - 1).clamp(min=0)] + each
        return self.stored[self._sequences[part]][torch.where(lengths > 0, rows, 0)]
