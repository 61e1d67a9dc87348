"""The passes of a step as one operation of torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from everystep.engines.llvm.backward import Gradients
from everystep.engines.llvm.forward import Given, Tensors
from everystep.engines.llvm.memory import laid_out_as, layout_of
from everystep.engines.llvm.passes import Passes
from everystep.engines.llvm.plainness import why_not_plain
from everystep.engines.llvm.programs import Span
from everystep.engines.llvm.slowly import slowly
from everystep.engines.slower import warn_once


class Call(NamedTuple):
    """What a call is besides its tensors: names for them, in their order."""

    passes: Passes
    span: Span
    time: tuple[str, ...]
    state: tuple[str, ...]
    rows: tuple[str, ...]
    roots: tuple[str, ...]
    operation: type[torch.autograd.Function]

    def given(self, tensors: Sequence[Tensor]) -> Given:
        """Name the tensors."""
        rest = iter(tensors)
        return Given(
            *({name: next(rest) for name in names} for names in (self.time, self.state, self.rows, self.roots))
        )

    def gradients_of(self, results: Sequence[Tensor]) -> Gradients:
        """Name the gradients of everything that comes out, and lay them out densely."""
        passes, outputs = self.passes, len(self.passes.outputs)
        dense = [gradient.contiguous() for gradient in results]
        return Gradients(
            dict(zip(passes.outputs, dense[:outputs], strict=True)),
            dict(zip(passes.parts, dense[outputs:], strict=True)),
        )

    def in_order(self, found: Tensors, tensors: Sequence[Tensor]) -> list[Tensor | None]:
        """Gradients in the order of the tensors; None where there is none."""
        names = [*self.time, *(f"state:{name}" for name in self.state), *(f"row:{name}" for name in self.rows)]
        names += [f"root:{name}" for name in self.roots]
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
        outputs = dict(zip(passes.outputs, found, strict=False))
        return outputs, dict(zip(passes.parts, found[len(outputs) :], strict=True))
    stored, last = passes.forward(passes.inference, call.span, call.given(tensors))
    return {name: stored[name] for name in passes.outputs}, last


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
        stored, last = passes.forward(passes.training, call.span, call.given(tensors))
        ctx.names = tuple(stored)
        save(ctx, call, tensors, tuple(stored.values()))
        return (*(stored[name] for name in passes.outputs), *last.values())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Run backward."""
        call: Call = ctx.call
        tensors, kept = saved(ctx)
        if must_differentiate(call, (*tensors, *gradients)):
            return (None, *differentiably(call, tensors, gradients))
        stored = dict(zip(ctx.names, kept, strict=True))
        found = call.passes.back(call.span, call.given(tensors), stored, call.gradients_of(gradients))
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
        results = [*(stored[name] for name in call.passes.outputs), *last.values()]
        pairs = [(r, g) for r, g in zip(results, gradients, strict=True) if g is not None and r.requires_grad]
        wanted = [value for value in tensors if value.requires_grad]
        if not pairs:
            return [None] * len(tensors)
        ends, seeds = zip(*pairs, strict=True)
        found = iter(torch.autograd.grad(ends, wanted, seeds, create_graph=again, allow_unused=True))
    return [next(found) if value.requires_grad else None for value in tensors]
