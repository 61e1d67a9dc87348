"""Calls of compiled code as a graph of ``torch.compile`` makes them: tensors and numbers in, tensors out.

A graph can't hold a step. It holds the key of one here, which is made of what the compiled code does: so a graph that
torch has stored on disk means the same in every process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from everystep.compiler.ir import Leaf
from everystep.engines.llvm.arenas import kept
from everystep.engines.llvm.autograd import Call, Whole
from everystep.engines.llvm.forward import Given, Tensors
from everystep.engines.llvm.lowered import Lowered
from everystep.engines.llvm.memory import Layout, laid_out_as
from everystep.engines.llvm.packed import Packed, pack
from everystep.engines.llvm.passes import Passes
from everystep.engines.llvm.program import described
from everystep.engines.llvm.programs import Span
from everystep.engines.llvm.segments import Segmented
from everystep.engines.llvm.slots import Names
from everystep.errors import EngineError


@dataclass(frozen=True)
class Asked:
    """What is asked of a step.

    Attributes:
        names: Of the tensors that are given, in their order.
        wanted: Whether the gradient of each is wanted.
        recorded: Names of what is recorded.
        reverse: Whether steps are taken from the last to the first.
        recompute: ``"segments"``, or None.
    """

    names: Names
    wanted: tuple[bool, ...]
    recorded: tuple[str, ...] = ()
    reverse: bool = False
    recompute: str | None = None

    def passes_of(self, lowered: Lowered) -> Passes:
        """The passes of a step that serve, compiled.

        Raises:
            EngineError: It can't be compiled.
        """
        forced = tuple(name.removeprefix("value:") for name in self.names.time if name.startswith("value:"))
        every = {name: yes for name, yes in zip(self.names.places(), self.wanted, strict=True) if yes}
        leaves = [_leaf(name) for name in every if not name.startswith(("state:", "root:"))]
        roots = [name.removeprefix("root:") for name in every if name.startswith("root:")]
        passes = lowered.passes(self.recorded, "flag:reset" in self.names.time, forced, leaves, roots)
        passes.ready(training=any(self.wanted))
        if self.recompute:
            passes.ready(training=False)
        return passes


def _leaf(name: str) -> Leaf:
    kind, _, rest = name.partition(":")
    return Leaf(kind, rest)


@dataclass(frozen=True)
class GraphCall:
    """A compiled step and what is asked of it: all of a call but its tensors and their numbers of steps and rows.

    What is not used of (steps, rows) is told by ``used``, bool or None; tensors are flat, as compiled code takes them.
    """

    asked: Asked
    passes: Passes
    layouts: tuple[Layout, ...]  # of parameters, as compiled code takes them for granted

    @cached_property
    def training(self) -> bool:
        """Whether any gradient is wanted."""
        return any(self.asked.wanted)

    @cached_property
    def results(self) -> tuple[str, ...]:
        """What comes out, in order."""
        return (*self.passes.outputs, *(f"state:{part}" for part in self.passes.parts))

    @cached_property
    def stored(self) -> dict[str, int]:
        """The size of everything that the pass back finds stored, by name."""
        if not self.training or self.asked.recompute:
            return {}
        plan = self.passes.training.plan
        every, sequences = plan.graph.outputs, set(plan.sequences.values())
        return {n: node.size for n, node in every.items() if not n.startswith("state:") or n in sequences}

    @cached_property
    def hidden(self) -> dict[str, int]:
        """What is stored and is no result."""
        return {name: size for name, size in self.stored.items() if name not in self.passes.outputs}

    def kept(self, *, packed: bool) -> dict[str, int]:
        """What comes out besides results for the pass back: what is packed is no result."""
        return self.stored if packed else self.hidden

    def shapes(self, steps: int, rows: int, *, packed: bool) -> list[tuple[int, ...]]:
        """The shapes of all that comes out: of results, and in one piece of what is kept."""
        sizes = self.passes.graph.outputs
        rows_of = {name: rows if name.startswith("state:") else steps * rows for name in self.results}
        shapes: list[tuple[int, ...]] = [(rows_of[name], sizes[name].size) for name in self.results]
        if self.stored:
            shapes.append((steps * rows * sum(self.kept(packed=packed).values()),))
        return shapes

    def forward(self, tensors: Sequence[Tensor], used: Tensor | None, steps: int, rows: int) -> list[Tensor]:
        """Go through time: results, and in one piece what is kept."""
        if used is not None and not used.any():
            return self._standstill(tensors, steps, rows)
        call = self._call(used, steps, rows)
        given, passes = call.given(self._laid_out(tensors)), self.passes
        if not self.stored:
            return self._results(call, given, passes.forward(passes.inference, call.span, given))
        memory = self._memory(call, steps * rows)
        found = passes.forward(passes.training, call.span, given, self._cut(memory, call, steps * rows))
        return [*self._results(call, given, found), memory]

    def backward(
        self,
        tensors: Sequence[Tensor],
        used: Tensor | None,
        steps: int,
        rows: int,
        stored: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
    ) -> list[Tensor]:
        """Go back through time: from the gradients of results to those that are wanted.

        Args:
            tensors: What was given.
            used: What was used.
            steps: How many.
            rows: Of the batch.
            stored: Outputs that are stored as they are, and in one piece what was kept.
            gradients: Of the results; None for zeros.

        Returns:
            The gradients of all given tensors for which they are wanted.
        """
        shapes = self.shapes(steps, rows, packed=used is not None)
        pairs = zip(gradients, shapes, strict=False)
        dense = [torch.zeros(shape, dtype=self.passes.dtype) if g is None else g for g, shape in pairs]
        if used is not None and not used.any():
            return self._unmoved(tensors, dense)
        call = self._call(used, steps, rows)
        laid = zip(self._laid_out(tensors), self.asked.wanted, strict=True)
        marked = [value.detach().requires_grad_(yes) for value, yes in laid]
        if self.stored:
            *outputs, memory = stored
            left = self._cut(memory, call, steps * rows) | dict(zip(self.passes.outputs, outputs, strict=False))
            backward = self.passes.back(call.span, call.given(marked), left, call.gradients_of(dense))
            found = call.in_order(backward, marked)
        else:
            found = _again(call, marked, dense)
        pairs = zip(found, tensors, self.asked.wanted, strict=True)
        return [_own(g, value) for g, value, yes in pairs if yes]

    def saved(self, outputs: Sequence[Tensor], *, packed: bool) -> list[Tensor]:
        """Of all that comes out, what the pass back needs."""
        if not self.stored:
            return []
        return [outputs[-1]] if packed else [*outputs[: len(self.passes.outputs)], outputs[-1]]

    def _results(self, call: Call, given: Given, found: tuple[Tensors, Tensors]) -> list[Tensor]:
        stored, last = found
        last = {name: part.clone() if part is given.state[name] else part for name, part in last.items()}
        return list(call.results(stored, last))

    def _memory(self, call: Call, taken: int) -> Tensor:
        if call.packed is not None:  # what is left over has to be the same each time
            return torch.zeros(taken * sum(self.stored.values()), dtype=self.passes.dtype)
        (memory,) = kept(1, [taken * sum(self.kept(packed=False).values())], self.passes.dtype)
        return memory.view(-1)

    def _cut(self, memory: Tensor, call: Call, taken: int) -> Tensors:
        """What is kept, by name; there is room for steps that are not taken too, as a graph can't tell how many are."""
        sizes = self.kept(packed=call.packed is not None)
        pieces = memory.split([taken * size for size in sizes.values()])
        named = zip(sizes.items(), pieces, strict=True)
        return {name: piece[: call.span.taken * size].view(-1, size) for (name, size), piece in named}

    def _laid_out(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        others = len(tensors) - len(self.layouts)
        roots = zip(tensors[others:], self.layouts, strict=True)
        return [*(value.contiguous() for value in tensors[:others]), *(laid_out_as(*pair) for pair in roots)]

    def _call(self, used: Tensor | None, steps: int, rows: int) -> Call:
        packed: Packed | None = None if used is None else pack(used, reverse=self.asked.reverse)
        span = packed.span if packed else Span(steps, rows, self.asked.reverse)
        return Call(self.passes, span, *self.asked.names, Segmented if self.asked.recompute else Whole, packed)

    def _standstill(self, tensors: Sequence[Tensor], steps: int, rows: int) -> list[Tensor]:
        state = dict(zip(self.asked.names.places(), tensors, strict=True))
        empty = [torch.empty(shape, dtype=self.passes.dtype) for shape in self.shapes(steps, rows, packed=True)]
        for name, value in zip([*self.results, ""], empty, strict=False):
            value.copy_(state[name]) if name in state else value.zero_()
        return empty

    def _unmoved(self, tensors: Sequence[Tensor], gradients: Sequence[Tensor]) -> list[Tensor]:
        of = dict(zip(self.results, gradients, strict=True))
        pairs = zip(self.asked.names.places(), tensors, self.asked.wanted, strict=True)
        return [of[name].clone() if name in of else torch.zeros_like(value) for name, value, yes in pairs if yes]


class _Tape:
    """What torch's own context of an operation is, as far as it is used."""

    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *values: Tensor) -> None:
        self.saved_tensors = values


def _again(call: Call, tensors: Sequence[Tensor], gradients: Sequence[Tensor]) -> list[Tensor | None]:
    """Run by segments, forward and back: nothing was kept."""
    tape: Any = _Tape()
    Segmented.forward(tape, call, *tensors)
    return list(Segmented.backward(tape, *gradients)[1:])


def _own(gradient: Tensor | None, value: Tensor) -> Tensor:
    """A gradient laid out as every graph expects it."""
    return torch.zeros_like(value, memory_format=torch.contiguous_format) if gradient is None else gradient.contiguous()


_calls: dict[str, GraphCall] = {}


def enter(lowered: Lowered, asked: Asked, layouts: tuple[Layout, ...]) -> str:
    """Put a call into the table; give its key.

    Args:
        lowered: The step.
        asked: What is asked of it.
        layouts: Of the parameters.

    Raises:
        EngineError: It can't be compiled.
    """
    call = GraphCall(asked, asked.passes_of(lowered), layouts)
    plans = [call.passes.training.plan, call.passes.backward.plan] if call.training else [call.passes.inference.plan]
    text = "\n".join([repr(asked), repr(layouts), str(call.passes.dtype), *map(described, plans)])
    key = f"{lowered.who}.{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    _calls.setdefault(key, call)
    return key


def call_of(key: str) -> GraphCall:
    """Find a call by its key.

    Raises:
        EngineError: It was put into the table of another process.
    """
    if key not in _calls:
        raise EngineError(
            f"{key} is not known in this process: a graph that was made elsewhere holds it. Call torch.compile here."
        )
    return _calls[key]
