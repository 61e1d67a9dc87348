"""The passes of a step as one operation of torch."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from everystep.engines.llvm.passes import Given, Passes
from everystep.engines.llvm.plainness import is_plain
from everystep.engines.llvm.programs import Span
from everystep.engines.llvm.slowly import slowly


class Call(NamedTuple):
    """What a call is besides its tensors: names for them, in their order."""

    passes: Passes
    span: Span
    time: tuple[str, ...]
    state: tuple[str, ...]
    rows: tuple[str, ...]
    roots: tuple[str, ...]
    operation: type[torch.autograd.Function]

    def given(self, tensors: tuple[Tensor, ...]) -> Given:
        """Name the tensors."""
        groups, at = [], 0
        for names in (self.time, self.state, self.rows, self.roots):
            groups.append(dict(zip(names, tensors[at : at + len(names)], strict=True)))
            at += len(names)
        return Given(*groups)

    def gradients(self, found: dict[str, Tensor], tensors: tuple[Tensor, ...]) -> list[Tensor | None]:
        """Gradients in the order of the tensors; None where there is none."""
        names = [*self.time, *(f"state:{name}" for name in self.state), *(f"row:{name}" for name in self.rows)]
        names += [f"root:{name}" for name in self.roots]
        return [found.get(name) if value.requires_grad else None for name, value in zip(names, tensors, strict=True)]


def launch(call: Call, tensors: tuple[Tensor, ...]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Run a step over time; what it puts out for every step, and the last state.

    Tensors are flat: (steps of all rows, size), (rows, size), and parameters as they are.
    """
    passes = call.passes
    if torch.is_grad_enabled() and any(value.requires_grad for value in tensors):
        found = call.operation.apply(call, *tensors)
        outputs = dict(zip(passes.outputs, found, strict=False))
        return outputs, dict(zip(passes.parts, found[len(outputs) :], strict=True))
    given = call.given(tensors)
    stored, last = passes.forward(passes.inference, call.span, given)
    return {name: stored[name] for name in passes.outputs}, last


class Whole(torch.autograd.Function):
    """Forward with what the way back needs kept; the way back compiled too, unless it is differentiated itself."""

    @staticmethod
    def forward(ctx: Any, call: Call, *tensors: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        passes = call.passes
        stored, last = passes.forward(passes.training, call.span, call.given(tensors))
        ctx.call, ctx.names = call, tuple(stored)
        ctx.count = len(tensors)
        ctx.save_for_backward(*tensors, *stored.values())
        return (*(stored[name] for name in passes.outputs), *last.values())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        call: Call = ctx.call
        saved = ctx.saved_tensors
        tensors, kept = saved[: ctx.count], saved[ctx.count :]
        if torch.is_grad_enabled() or not is_plain((*tensors, *gradients)):
            return (None, *differentiably(call, tensors, gradients))
        stored = dict(zip(ctx.names, kept, strict=True))
        passes = call.passes
        outputs = len(passes.outputs)
        of_outputs = {name: g.contiguous() for name, g in zip(passes.outputs, gradients, strict=False)}
        of_last = dict(zip(passes.parts, gradients[outputs:], strict=True))
        found = passes.back(call.span, call.given(tensors), stored, of_outputs, of_last)
        return (None, *call.gradients(found, tensors))


def differentiably(call: Call, tensors: tuple[Tensor, ...], gradients: tuple[Tensor, ...]) -> list[Tensor | None]:
    """The gradients by torch's own operations, so that they can be differentiated again."""
    with torch.enable_grad():
        stored, last = slowly(call.passes.graph, call.span, call.given(tensors))
        results = [*(stored[name] for name in call.passes.outputs), *last.values()]
        pairs = [(r, g) for r, g in zip(results, gradients, strict=True) if r.requires_grad]
        wanted = [value for value in tensors if value.requires_grad]
        create = torch.is_grad_enabled()
        found = iter(
            torch.autograd.grad(
                [r for r, _ in pairs], wanted, [g for _, g in pairs], create_graph=create, allow_unused=True
            )
        )
    return [next(found) if value.requires_grad else None for value in tensors]
