"""The short way for a call like an earlier one.

For a cell with x and a state of the same shapes as before, and nothing else asked for, what is left is to see that
nothing has changed that the trace took for granted, to fill in addresses, and to run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from everystep.cell import Cell
from everystep.compiler.guards import Guard
from everystep.engines.job import Job
from everystep.engines.llvm.autograd import Call, Whole, flat_differentiably, must_differentiate
from everystep.engines.llvm.kinds import Kind, kind_of, recall, store, unwatched, wanted_of
from everystep.engines.llvm.lowered import Lowered
from everystep.engines.llvm.memory import laid_out_as
from everystep.engines.llvm.plainness import is_plain
from everystep.engines.llvm.programs import Span
from everystep.engines.llvm.quick_packed import ReadyPacked, is_whole, quickly_by_lengths, quickly_by_mask
from everystep.engines.llvm.recipes import BackwardRecipe, ForwardRecipe
from everystep.engines.llvm.slots import Names


def quickly(
    cell: Any, x: Any, state: Any, reverse: bool, lengths: Any = None, mask: Any = None
) -> tuple[Tensor, Any] | None:
    """Run a cell over x if such a call was seen before.

    Returns:
        y and the state after the last step; None if this call must go the long way.
    """
    if type(x) is not Tensor:
        return None
    if lengths is not None or mask is not None:
        return _with_gaps(cell, x, state, reverse, lengths, mask)
    found = recall(cell, kind_of((x.shape, reverse), x, state))
    return None if found is None else found[0].run(x, state, found[1])


def _with_gaps(cell: Any, x: Tensor, state: Any, reverse: bool, lengths: Any, mask: Any) -> tuple[Tensor, Any] | None:
    found = None
    if mask is None:
        found = quickly_by_lengths(cell, x, state, reverse, lengths)
    elif lengths is None:
        found = quickly_by_mask(cell, x, state, reverse, mask)
    return quickly(cell, x, state, reverse) if found is None and is_whole(x, lengths, mask) else found


def remember(job: Job, guard: Guard, lowered: Lowered, names: Names, roots: tuple[Tensor, ...]) -> None:
    """Let calls like this one go the short way."""
    cell, step = job.step.cell, job.step
    asked = job.resets is not None or job.forced or job.recompute or job.record
    whole = type(job.x) is Tensor and isinstance(cell, Cell) and step.context is None and not asked
    shapes = [lowered.shape("y"), *(tuple(part.shape[1:]) for part in job.state)]
    if not whole or any(len(shape) != 1 or not shape[0] for shape in shapes):
        return
    kind = Kind(job, lowered, names, roots)
    if job.used is None:
        steps, rows = job.x.shape[:2]
        store(job, guard, (job.x.shape, job.reverse), _Ready(kind, Span(steps, rows, job.reverse)))
    else:
        store(job, guard, tuple(job.x.shape[1:]), ReadyPacked(kind, job.x.shape[1]))


class _Ready:
    """A kind of call without gaps, ready to run."""

    def __init__(self, kind: Kind, span: Span) -> None:
        self.kind, self.span = kind, span
        self.recipes: dict[tuple[bool, ...], _Recipes] = {}

    def run(self, x: Tensor, state: Any, guard: Guard) -> tuple[Tensor, Any] | None:
        tensors = self.kind.tensors(x, state, guard)
        if tensors is None:
            return None
        wanted = wanted_of(tensors)
        recipes = self.recipes.get(wanted) or self._recipes(wanted, tensors)
        if wanted:
            y, *last = _apply(recipes, *tensors)
        else:
            (y, *_), last = recipes.forward.run(tensors)
        return y, self.kind.make(*last)

    def _recipes(self, wanted: tuple[bool, ...], tensors: Sequence[Tensor]) -> _Recipes:
        names = self.kind.names
        call = Call(self.kind.passes(wanted), self.span, *names, Whole)
        self.recipes[wanted] = found = _Recipes(call, names, wanted, tensors)
        return found


class _Recipes:
    """How each pass of a kind of call is made; the way back only where gradients are wanted."""

    def __init__(self, call: Call, names: Names, wanted: tuple[bool, ...], tensors: Sequence[Tensor]) -> None:
        self.call, passes = call, call.passes
        program = passes.training if wanted else passes.inference
        self.forward = ForwardRecipe(program, names, passes.parts, call.span)
        self.layouts = self.forward.layouts(tensors)
        self.count = len(tensors)
        if wanted:
            self.backward = BackwardRecipe(passes.backward, self.forward, names, wanted, passes.parts)

    def are_as_they_were(self, saved: Sequence[Tensor]) -> bool:
        """Whether saved tensors lie in memory as they did: who hooks on them may have them come back otherwise."""
        for value, (shape, strides, dtype) in zip(saved, self.layouts, strict=True):
            if value.shape != shape or value.stride() != strides or value.dtype is not dtype:
                return False
        return True


class _Quick(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, recipes: _Recipes, *tensors: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        stored, last = recipes.forward.run(tensors)
        ctx.recipes = recipes
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors, *stored)
        return (stored[0], *last)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        recipes, saved = ctx.recipes, ctx.saved_tensors
        if not recipes.are_as_they_were(saved):
            saved = [laid_out_as(value, layout) for value, layout in zip(saved, recipes.layouts, strict=True)]
        tensors = saved[: recipes.count]
        given = [gradient for gradient in gradients if gradient is not None]
        usual = not torch.is_grad_enabled() and is_plain((*saved, *given))
        if not usual and must_differentiate(recipes.call, (*tensors, *given)):
            return (None, *flat_differentiably(recipes.call, tensors, gradients))
        return (None, *recipes.backward.run(tensors, saved[recipes.count :], gradients))


_apply = unwatched(_Quick)
