"""Forward and backward passes of one step over sequences, as programs and the tensors they work on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from everystep.compiler.backward import backward_step
from everystep.compiler.ir import Graph, Leaf
from everystep.compiler.plan import Place
from everystep.compiler.planner import plan
from everystep.engines.llvm.layout import Initial, Root
from everystep.engines.llvm.programs import Program, Span


class Given(NamedTuple):
    """What a pass is given, each dense in memory.

    Attributes:
        time: (steps of all rows, size) by place: ``x:NAME``, ``flag:NAME``, ``value:NAME``.
        state: Before the first step, (rows, size) by part.
        rows: What a row of the batch keeps over all steps, (rows, size) by name.
        roots: Parameters by name.
    """

    time: dict[str, Tensor]
    state: dict[str, Tensor]
    rows: dict[str, Tensor]
    roots: dict[str, Tensor]


class Passes:
    """The programs of one step; each is compiled when it is first needed.

    Args:
        graph: A simplified graph; outputs ``state:PART``, ``y``, and what is recorded.
        dtype: float32 or float64.
        wanted: Leaves whose gradients may be asked for.
        wanted_roots: Parameters whose gradients may be asked for.
    """

    def __init__(
        self, graph: Graph, dtype: torch.dtype, wanted: Collection[Leaf] = (), wanted_roots: Collection[str] = ()
    ) -> None:
        self.graph, self.dtype = graph, dtype
        self.wanted, self.wanted_roots = frozenset(wanted), frozenset(wanted_roots)
        self.outputs = [name for name in graph.outputs if not name.startswith("state:")]
        self.parts = [name.removeprefix("state:") for name in graph.outputs if name.startswith("state:")]

    @cached_property
    def inference(self) -> Program:
        """Forward, nothing kept."""
        return Program(plan(self.graph), self.dtype, backward=False)

    @cached_property
    def _backward_step(self):  # noqa: ANN202
        return backward_step(self.graph, self.wanted, self.wanted_roots)

    @cached_property
    def training(self) -> Program:
        """Forward, with everything kept that the way back needs."""
        back = self._backward_step
        outputs = {**self.graph.outputs, **{f"kept:{name}": node for name, node in back.kept.items()}}
        return Program(plan(Graph(outputs), sequences=back.sequences), self.dtype, backward=False)

    @cached_property
    def backward(self) -> Program:
        """From the last step to the first."""
        back = self._backward_step
        return Program(plan(back.graph, deferred=back.deferred), self.dtype, backward=True)

    def forward(self, program: Program, span: Span, given: Given) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Run a forward program.

        Returns:
            Everything that was stored for every step, by output; and the last state, by part.
        """
        any_part = next(iter((*given.state.values(), *given.time.values())))
        stored: dict[str, Tensor] = {}
        pairs: dict[str, Tensor] = {}
        tensors: dict[object, Tensor] = _parameters(given.roots)
        for place in program.layout.places:
            tensors[place] = self._forward_place(program, place, span, given, stored, pairs, any_part)
        for place in program.layout.initial:
            tensors[Initial(place)] = given.state[place.name]
        program.run(span, tensors)
        return stored, {part: self._last(program, part, span, given, stored, pairs) for part in self.parts}

    def _forward_place(self, program, place, span, given, stored, pairs, like):  # noqa: ANN001, ANN202
        if place.space in {"entering", "leaving"}:
            holder = program.plan.sequences.get(place.name)
            if holder is None:
                return pairs.setdefault(place.name, like.new_empty(2, span.rows, place.size))
            return stored.setdefault(holder, like.new_empty(span.taken, place.size))
        if place.space == "row":
            return given.rows[place.name]
        if place.name in given.time:
            return given.time[place.name]
        if place.space == "time":
            return stored.setdefault(place.name, like.new_empty(span.taken, place.size))
        return like  # scratch: the program takes its own
    
    def _last(self, program, part, span, given, stored, pairs):  # noqa: ANN001, ANN202
        holder = program.plan.sequences.get(part)
        if part not in pairs and holder is None:
            return given.state[part]
        if span.starts is None:
            if holder is None:
                return pairs[part][span.steps & 1]
            rows = stored[holder]
            return (rows[: span.rows] if span.reverse else rows[-span.rows :]).clone()
        lengths = span.lengths
        if holder is None:
            last = pairs[part][lengths & 1, torch.arange(span.rows)]
        else:
            rows = span.starts[(lengths - 1).clamp(min=0)] + torch.arange(span.rows)
            last = stored[holder][torch.where(lengths > 0, rows, 0)]
        return torch.where((lengths > 0).unsqueeze(1), last, given.state[part])

    def back(
        self, span: Span, given: Given, stored: Mapping[str, Tensor], gradients: Mapping[str, Tensor], last: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Run the backward program.

        Args:
            span: The steps.
            given: What the forward pass was given.
            stored: What it stored.
            gradients: Of everything stored that is an output, by output.
            last: Of the last state, by part.

        Returns:
            Gradients by leaf (``state:PART``, ``row:NAME``, ``x:STREAM`` ...) and by parameter (``root:NAME``).
        """
        program, forward = self.backward, self.training
        like = next(iter((*given.state.values(), *given.time.values())))
        found: dict[str, Tensor] = {}
        tensors: dict[object, Tensor] = _parameters(given.roots)
        for place in program.layout.places:
            tensors[place] = self._backward_place(forward, place, span, given, stored, gradients, last, found, like)
        for place in program.layout.initial:
            tensors[Initial(place)] = given.state[place.name.removeprefix("state:")]
        for gradient in program.layout.gradients:
            tensors[gradient] = torch.zeros_like(given.roots[gradient.name])
        program.run(span, tensors)
        for gradient in program.layout.gradients:
            name, copy = f"root:{gradient.name}", tensors[gradient]
            found[name] = found[name] + copy if name in found else copy
        for part in self.parts:
            if f"state:{part}" in found:
                found[f"state:{part}"] = found[f"state:{part}"][0]
        return found

    def _backward_place(self, forward, place, span, given, stored, gradients, last, found, like):  # noqa: ANN001, ANN202
        space, name = place.space, place.name
        if space in {"entering", "leaving"}:
            if f"state:{name}" not in found:
                found[f"state:{name}"] = last[name].expand(2, -1, -1).contiguous()
            return found[f"state:{name}"]
        if space == "row":
            return given.rows[name]
        if space == "total":
            return found.setdefault(f"row:{name}", like.new_zeros(span.rows, place.size))
        if name.startswith("gradient:"):
            output = name.removeprefix("gradient:")
            if output in gradients:
                return gradients[output]
            return found.setdefault(output, like.new_empty(span.taken, place.size))
        if name.startswith("state:"):
            return stored[forward.plan.sequences[name.removeprefix("state:")]]
        if name.startswith("kept:"):
            return stored["y" if name == "kept:y" else name]
        return given.time.get(name, like)


def _parameters(roots: Mapping[str, Tensor]) -> dict[object, Tensor]:
    return {Root(name): tensor for name, tensor in roots.items()}


def names_of(places: Iterable[Place]) -> list[str]:
    return [place.name for place in places]
