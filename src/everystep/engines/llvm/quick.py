"""The short way for a call like an earlier one: every check that could fail has passed once and can't fail now.

For a cell with x and a state of the same shapes as before, and nothing else asked for, what is left is to see that
nothing has changed that the trace took for granted, to fill in addresses, and to run.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from everystep.cell import Cell
from everystep.compiler.guards import Guard
from everystep.compiler.ir import Leaf
from everystep.engines.job import Job
from everystep.engines.llvm.autograd import Call, Whole, differentiably, must_differentiate
from everystep.engines.llvm.lowered import Lowered
from everystep.engines.llvm.memory import laid_out_as
from everystep.engines.llvm.plainness import is_plain
from everystep.engines.llvm.programs import Span
from everystep.engines.llvm.recipes import BackwardRecipe, ForwardRecipe
from everystep.engines.llvm.slots import Names

MOST = 64  # kinds of call that are remembered for a cell


class _Known(NamedTuple):
    guard: Guard
    ready: dict[Hashable, _Ready]


_known: WeakKeyDictionary[Any, _Known] = WeakKeyDictionary()


def quickly(cell: Any, x: Any, state: Any, reverse: bool) -> tuple[Tensor, Any] | None:
    """Run a cell over x if such a call was seen before.

    Returns:
        y and the state after the last step; None if this call must go the long way.
    """
    known = _known.get(cell) if type(x) is Tensor else None
    if known is None or _is_changed():
        return None
    ready = known.ready.get(_kind(x, state, reverse))
    if ready is None or not known.guard.holds():
        return None
    return ready.run(x, state, known.guard)


def _is_changed() -> bool:
    """Whether torch casts what is computed, or makes its tensors elsewhere: the long way takes care of that."""
    return torch.is_autocast_enabled("cpu") or torch._C._len_torch_function_stack() > 0  # noqa: SLF001


def remember(job: Job, guard: Guard, lowered: Lowered, names: Names, roots: tuple[Tensor, ...]) -> None:
    """Let calls like this one go the short way."""
    cell, step = job.step.cell, job.step
    asked = job.used is not None or job.resets is not None or job.forced or job.recompute or job.record
    whole = type(job.x) is Tensor and isinstance(cell, Cell) and step.context is None and not asked
    shapes = [lowered.shape("y"), *(tuple(part.shape[1:]) for part in job.state)]
    if not whole or any(len(shape) != 1 or not shape[0] for shape in shapes):
        return
    plain_start = getattr(getattr(cell, "initial_state", None), "__func__", None) is Cell.initial_state
    state = step.assemble(job.state)
    known = _known.get(cell)
    if known is None or known.guard is not guard:
        known = _known[cell] = _Known(guard, {})
    if len(known.ready) >= MOST:
        known.ready.clear()
    ready = _Ready(job, lowered, names, roots)
    known.ready[_kind(job.x, state, job.reverse)] = ready
    if plain_start:
        known.ready[_kind(job.x, None, job.reverse)] = ready


def _kind(x: Tensor, state: Any, reverse: bool) -> Hashable:
    parts = None if state is None else (type(state), *((type(part), part.shape, part.dtype) for part in state))
    return (x.shape, x.dtype, reverse, parts)


class _Ready:
    """A kind of call, ready to run."""

    def __init__(self, job: Job, lowered: Lowered, names: Names, roots: tuple[Tensor, ...]) -> None:
        steps, rows = job.x.shape[:2]
        self.span = Span(steps, rows, job.reverse)
        self.make = type(job.step.assemble(job.state))
        self.lowered, self.names = lowered, names
        self.roots = roots if set(names.roots) <= set(lowered.traced.roots) else None  # those that the guard holds
        self.zeros = tuple(torch.zeros_like(part, requires_grad=False) for part in job.state)
        self.recipes: dict[tuple[bool, ...], _Recipes] = {}

    def run(self, x: Tensor, state: Any, guard: Guard) -> tuple[Tensor, Any] | None:
        if not is_plain((x,) if state is None else (x, *state)):
            return None
        parts = self.zeros if state is None else [part.contiguous() for part in state]
        roots = self.roots
        if roots is None:
            roots = tuple(self.lowered.prepare(guard.roots()).values())
            if not is_plain(roots):
                return None
        tensors = (x.contiguous(), *parts, *roots)
        if torch.is_grad_enabled():
            wanted = tuple([value.requires_grad for value in tensors])
            if True in wanted:
                recipes = self.recipes.get(wanted) or self._recipes(wanted, tensors)
                y, *last = _apply(recipes, *tensors)
                return y, self.make(*last)
        recipes = self.recipes.get(()) or self._recipes((), tensors)
        stored, last = recipes.forward.run(tensors)
        return stored[0], self.make(*last)

    def _recipes(self, wanted: tuple[bool, ...], tensors: Sequence[Tensor]) -> _Recipes:
        names = self.names
        every = [*(Leaf("x", name.removeprefix("x:")) for name in names.time), *(None for _ in names.state)]
        leaves = [leaf for leaf, yes in zip(every, wanted, strict=False) if yes and leaf]
        roots = [name for name, yes in zip(names.roots, wanted[len(every) :], strict=False) if yes]
        passes = self.lowered.passes((), False, (), leaves, roots)
        self.recipes[wanted] = found = _Recipes(Call(passes, self.span, *names, Whole), names, wanted, tensors)
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
            return (None, *_differentiably(recipes.call, tensors, gradients))
        return (None, *recipes.backward.run(tensors, saved[recipes.count :], gradients))


# as _Quick.apply, which looks first whether a transform of torch.func is at work: is_plain has seen that none is
_apply: Any = super(torch.autograd.Function, _Quick).apply  # pyright: ignore[reportAttributeAccessIssue]


def _differentiably(call: Call, tensors: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    taken = call.span.taken  # compiled code sees no time axis
    with torch.enable_grad():
        x, y = tensors[0].reshape(taken, -1), gradients[0]
    flat = (None if y is None else y.reshape(taken, -1), *gradients[1:])
    found = differentiably(call, (x, *tensors[1:]), flat)
    return [None if g is None else g.view(value.shape) for g, value in zip(found, tensors, strict=True)]
