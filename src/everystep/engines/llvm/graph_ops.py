"""The operations of torch that stand in a graph of ``torch.compile`` for a compiled unroll and for its pass back."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from everystep.engines.llvm.door import is_cast
from everystep.engines.llvm.graph_calls import call_of
from everystep.errors import EngineError

_NOTHING = nullcontext()
_GIVEN = "str call, Tensor[] tensors, Tensor? used, SymInt steps, SymInt rows"


@torch.library.custom_op("everystep::unroll", mutates_args=(), device_types="cpu", schema=f"({_GIVEN}) -> Tensor[]")
def unroll(call: str, tensors: list[Tensor], used: Tensor | None, steps: int, rows: int) -> list[Tensor]:
    """Unroll a step: results, then what the pass back needs besides."""
    with _as_it_is():
        return call_of(call).forward(tensors, used, steps, rows)


@unroll.register_fake
def _(call: str, tensors: list[Tensor], used: Tensor | None, steps: int, rows: int) -> list[Tensor]:
    known, device = call_of(call), tensors[0].device
    shapes = known.shapes(steps, rows, packed=used is not None)
    return [torch.empty(shape, dtype=known.passes.dtype, device=device) for shape in shapes]


@torch.library.custom_op(
    "everystep::unroll_backward",
    mutates_args=(),
    device_types="cpu",
    schema=f"({_GIVEN}, Tensor[] stored, Tensor?[] gradients) -> Tensor[]",
)
def unroll_backward(  # noqa: PLR0917 (an operation of torch)
    call: str,
    tensors: list[Tensor],
    used: Tensor | None,
    steps: int,
    rows: int,
    stored: list[Tensor],
    gradients: list[Tensor | None],
) -> list[Tensor]:
    """The gradients of those tensors for which they are wanted."""
    with _as_it_is():
        return call_of(call).backward(tensors, used, steps, rows, stored, gradients)


@unroll_backward.register_fake
def _(call: str, tensors: list[Tensor], *_: Any) -> list[Tensor]:
    wanted = zip(tensors, call_of(call).asked.wanted, strict=True)
    return [torch.empty(value.shape, dtype=value.dtype, device=value.device) for value, yes in wanted if yes]


def _as_it_is() -> AbstractContextManager[Any]:
    return torch.autocast("cpu", enabled=False) if is_cast() else _NOTHING


def _save(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    call, tensors, used, ctx.steps, ctx.rows = inputs
    known = call_of(call)
    ctx.call, ctx.count, ctx.packed, ctx.results = call, len(tensors), used is not None, len(known.results)
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*tensors, *([] if used is None else [used]), *known.saved(output, packed=used is not None))


def _back(ctx: Any, gradients: list[Tensor | None]) -> tuple[Any, ...]:
    saved = list(ctx.saved_tensors)
    tensors, rest = saved[: ctx.count], saved[ctx.count :]
    used = rest.pop(0) if ctx.packed else None
    wanted = call_of(ctx.call).asked.wanted
    if any(needed and not yes for needed, yes in zip(ctx.needs_input_grad[1], wanted, strict=True)):
        raise EngineError(f"{ctx.call} was compiled without a gradient that is asked for now.")
    found = iter(unroll_backward(ctx.call, tensors, used, ctx.steps, ctx.rows, rest, gradients[: ctx.results]))
    return None, [next(found) if yes else None for yes in wanted], None, None, None


unroll.register_autograd(_back, setup_context=_save)


def _save_nothing(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:  # noqa: ARG001
    ctx.call = inputs[0]


def _refuse(ctx: Any, gradients: list[Tensor | None]) -> tuple[Any, ...]:  # noqa: ARG001
    raise EngineError(
        f"{ctx.call}: its gradients are to be differentiated again, which a graph of torch.compile can't do: "
        "call the model without torch.compile."
    )


unroll_backward.register_autograd(_refuse, setup_context=_save_nothing)
