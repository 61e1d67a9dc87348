"""The passes of a step as one operation of torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from everystep.engines.llvm.backward import Gradients
from everystep.engines.llvm.forward import Given, Tensors
from everystep.engines.llvm.memory import laid_out_as, layout_of, room
from everystep.engines.llvm.packed import Packed
from everystep.engines.llvm.passes import Passes
from everystep.engines.llvm.plainness import why_not_plain
from everystep.engines.llvm.programs import Span
from everystep.engines.llvm.slowly import slowly
from everystep.engines.slower import warn_once


class Call(NamedTuple):
    """What a call is besides its tensors: names for them, in their order; and how they are packed, if they are."""

    passes: Passes
    span: Span
    time: tuple[str, ...]
    state: tuple[str, ...]
    rows: tuple[str, ...]
    roots: tuple[str, ...]
    operation: type[torch.autograd.Function]
    packed: Packed | None = None

    def given(self, tensors: Sequence[Tensor]) -> Given:
        """Name the tensors, as compiled code takes them."""
        rest = iter(tensors)
        time, state, rows, roots = (
            {name: next(rest) for name in names} for names in (self.time, self.state, self.rows, self.roots)
        )
        packed = self.packed
        if packed is not None:
            time = {name: packed.gathered(value) for name, value in time.items()}
            state, rows = ({name: packed.sorted(part) for name, part in parts.items()} for parts in (state, rows))
        return Given(time, state, rows, roots)

    def memory(self) -> Tensors:
        """Memory for what is put out for every step."""
        sizes, dtype = {name: self.passes.graph.outputs[name].size for name in self.passes.outputs}, self.passes.dtype
        if self.packed is not None:
            return {name: self.packed.room(size, dtype) for name, size in sizes.items()}
        return {name: room(self.span.taken, size, dtype=dtype) for name, size in sizes.items()}

    def results(self, stored: Mapping[str, Tensor], last: Tensors) -> tuple[Tensor, ...]:
        """All that comes out, in order: outputs, then the last state."""
        outputs, parts = [stored[name] for name in self.passes.outputs], list(last.values())
        if self.packed is not None:
            outputs, parts = map(self.packed.spread, outputs), map(self.packed.unsorted, parts)
        return (*outputs, *parts)

    def gradients_of(self, results: Sequence[Tensor]) -> Gradients:
        """Name the gradients of everything that comes out, and lay them out densely."""
        count = len(self.passes.outputs)
        outputs, last = results[:count], results[count:]
        if self.packed is not None:
            outputs, last = map(self.packed.gathered, outputs), map(self.packed.sorted, last)
        return Gradients(
            {name: value.contiguous() for name, value in zip(self.passes.outputs, outputs, strict=True)},
            {name: value.contiguous() for name, value in zip(self.passes.parts, last, strict=True)},
        )

    def gradient_memory(self, given: Given) -> Tensors:
        """Memory for the gradients of packed values, which are not given out as they are."""
        if self.packed is None:
            return {}
        return {name: self.packed.room(value.shape[1], self.passes.dtype) for name, value in given.time.items()}

    def in_order(self, found: Tensors, tensors: Sequence[Tensor]) -> list[Tensor | None]:
        """Gradients in the order of the tensors; None where there is none."""
        of_rows = [*(f"state:{name}" for name in self.state), *(f"row:{name}" for name in self.rows)]
        if self.packed is not None:
            found |= {name: self.packed.spread(found[name]) for name in self.time if name in found}
            found |= {name: self.packed.unsorted(found[name]) for name in of_rows if name in found}
        names = [*self.time, *of_rows, *(f"root:{name}" for name in self.roots)]
        pairs = zip(names, tensors, strict=True)
        return [_gradient(found.get(name), value) if value.requires_grad else None for name, value in pairs]


def _gradient(found: Tensor | None, value: Tensor) -> Tensor | None:
    return torch.zeros_like(value) if found is None and not value.numel() else found


def launch(call: Call, tensors: tuple[Tensor, ...]) -> tuple[Tensors, Tensors]:
    """Run a step over time; what it puts out for every step, and the last state.

    Tensors are flat: (steps of all rows, size), (rows, size), and parameters as they are.
    """
    passes = call.passes
    if torch.is_grad_enabled() and any(value.requires_grad for value in tensors):
        found = call.operation.apply(call, *tensors)
    else:
        found = call.results(*passes.forward(passes.inference, call.span, call.given(tensors), call.memory()))
    outputs = dict(zip(passes.outputs, found, strict=False))
    return outputs, dict(zip(passes.parts, found[len(outputs) :], strict=True))


def save(ctx: Any, call: Call, tensors: Sequence[Tensor], kept: Sequence[Tensor]) -> None:
    """Have torch save what the way back needs."""
    ctx.call, ctx.count = call, len(tensors)
    ctx.layouts = [layout_of(value) for value in (*tensors, *kept)]
    ctx.save_for_backward(*tensors, *kept)


def saved(ctx: Any) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Give what was saved: given and kept tensors, laid out as they were, whatever hooks made of them meanwhile."""
    values = ctx.saved_tensors
    if why_not_plain(values) is None:
        values = [laid_out_as(value, layout) for value, layout in zip(values, ctx.layouts, strict=True)]
    return tuple(values[: ctx.count]), tuple(values[ctx.count :])


class Whole(torch.autograd.Function):
    """Forward with what the way back needs kept; the way back compiled too, unless it is differentiated itself."""

    @staticmethod
    def forward(ctx: Any, call: Call, *tensors: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        """Run forward."""
        passes = call.passes
        stored, last = passes.forward(passes.training, call.span, call.given(tensors), call.memory())
        ctx.names = tuple(stored)
        save(ctx, call, tensors, tuple(stored.values()))
        return call.results(stored, last)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Run backward."""
        call: Call = ctx.call
        tensors, kept = saved(ctx)
        if must_differentiate(call, (*tensors, *gradients)):
            return (None, *differentiably(call, tensors, gradients))
        stored = dict(zip(ctx.names, kept, strict=True))
        given = call.given(tensors)
        found = call.passes.back(call.span, given, stored, call.gradients_of(gradients), call.gradient_memory(given))
        return (None, *call.in_order(found, tensors))


def must_differentiate(call: Call, tensors: Sequence[Tensor]) -> bool:
    """Whether compiled code can't go back here, which costs time and is told once."""
    differentiated = "its gradients are to be differentiated again" if torch.is_grad_enabled() else None
    reason = differentiated or why_not_plain(tensors)
    if reason is not None:
        warn_once(call.passes.who, reason)
    return reason is not None


def differentiably(call: Call, tensors: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    """The gradients by torch's own operations, so that they can be differentiated again."""
    again = torch.is_grad_enabled()
    with torch.enable_grad(), torch.autocast("cpu", enabled=False):
        # under other names: a state may come from an x or a parameter that is here too, and each is held still
        # while another moves
        tensors = [value.view_as(value) for value in tensors]
        stored, last = slowly(call.passes.graph, call.span, call.given(tensors))
        results = call.results(stored, last)
        pairs = [(r, g) for r, g in zip(results, gradients, strict=True) if g is not None and r.requires_grad]
        wanted = [value for value in tensors if value.requires_grad]
        if not pairs:
            return [None] * len(tensors)
        ends, seeds = zip(*pairs, strict=True)
        found = iter(torch.autograd.grad(ends, wanted, seeds, create_graph=again, allow_unused=True))
    return [next(found) if value.requires_grad else None for value in tensors]


def flat_differentiably(
    call: Call, tensors: Sequence[Tensor], gradients: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """The same for x and the gradient of y, which come first, with all the axes that they have: code sees no time."""
    with torch.enable_grad():
        x, y = flat(tensors[0]), gradients[0]
    given = (None if y is None else flat(y), *gradients[1:])
    found = differentiably(call, (x, *tensors[1:]), given)
    return [None if g is None else g.view(value.shape) for g, value in zip(found, tensors, strict=True)]


def flat(value: Tensor) -> Tensor:
    """One row after another, (steps of all rows, size)."""
    return value.reshape(value.shape[:-1].numel(), value.shape[-1])
