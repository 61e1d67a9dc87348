"""One run of a backward program: what the forward run left is read, gradients are found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from everystep.compiler.plan import Place
from everystep.engines.llvm.forward import PAIRED, SCRATCH, Given, Tensors
from everystep.engines.llvm.layout import Gradient, Initial, Root
from everystep.engines.llvm.memory import room, zeros_in_place_of
from everystep.engines.llvm.programs import Program, Span


class Left(NamedTuple):
    """What a forward run left for the way back.

    Attributes:
        stored: What it stored for every step, by output.
        sequences: The output that holds each part of the state.
    """

    stored: Mapping[str, Tensor]
    sequences: Mapping[str, str]


class Gradients(NamedTuple):
    """Gradients of what a forward run gave, each dense in memory: of its outputs, and of the last state by part."""

    outputs: Tensors
    last: Tensors


class Backward:
    """A backward program with the memory of one run.

    Args:
        program: What to run.
        span: The steps of the forward run.
        given: What that was given.
        left: What it left.
        gradients: Of what it gave.
        into: Memory for gradients of what has a value for every step, where the caller has it; the rest is made.
    """

    def __init__(
        self,
        program: Program,
        span: Span,
        given: Given,
        left: Left,
        gradients: Gradients,
        into: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.span, self.given, self.left, self.gradients, self.dtype = span, given, left, gradients, program.dtype
        self._pairs: Tensors = {}  # gradients of the state, (2, rows, size) by part, the halves taken in turn
        self._found: Tensors = {}
        self._into = into or {}
        tensors: dict[object, Tensor] = {Root(name): value for name, value in given.roots.items()}
        tensors |= {place: self._at(place) for place in program.layout.places if place.space not in SCRATCH}
        tensors |= {Initial(place): given.state[_part_of(place.name)] for place in program.layout.initial}
        copies = {gradient: zeros_in_place_of(given.roots[gradient.name]) for gradient in program.layout.gradients}
        program.run(span, {**tensors, **copies})
        self._add(copies)

    def found(self) -> Tensors:
        """Gradients by leaf (``state:PART``, ``row:NAME``, ``x:STREAM`` ...) and by parameter (``root:NAME``)."""
        return self._found | {f"state:{part}": pair[0] for part, pair in self._pairs.items()}

    def _at(self, place: Place) -> Tensor:
        space, name = place.space, place.name
        if space in PAIRED:
            return self._pair(name)
        if space == "row":
            return self.given.rows[name]
        if space == "total":
            return self._found.setdefault(f"row:{name}", room(self.span.rows, place.size, dtype=self.dtype).zero_())
        return self._in_time(name, place.size)

    def _in_time(self, name: str, size: int) -> Tensor:
        kind, _, rest = name.partition(":")
        if kind == "gradient":
            return self._gradient(rest, size)
        if kind == "state":
            return self.left.stored[self.left.sequences[rest]]
        if kind == "kept":
            return self.left.stored["y" if rest == "y" else name]
        return self.given.time[name]

    def _pair(self, part: str) -> Tensor:
        """Both halves hold the gradient of the last state, as sequences begin at unlike steps going backward."""
        if part not in self._pairs:
            self._pairs[part] = self.gradients.last[part].expand(2, -1, -1).contiguous()
        return self._pairs[part]

    def _gradient(self, name: str, size: int) -> Tensor:
        if name in self.gradients.outputs:
            return self.gradients.outputs[name]
        if name not in self._found:
            made = self._into.get(name)
            self._found[name] = room(self.span.taken, size, dtype=self.dtype) if made is None else made
        return self._found[name]

    def _add(self, copies: Mapping[Gradient, Tensor]) -> None:
        for gradient, copy in copies.items():
            name = f"root:{gradient.name}"
            self._found[name] = self._found[name] + copy if name in self._found else copy


def _part_of(place: str) -> str:
    return place.removeprefix("state:")
