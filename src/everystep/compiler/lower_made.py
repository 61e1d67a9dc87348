"""Operations that put values side by side, make them from nothing, or fill what is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from everystep.compiler import ir
from everystep.compiler.axes import Fixed, Value, computed, features, gather
from everystep.compiler.lower import Lowering
from everystep.compiler.lower_views import with_axis
from everystep.compiler.trace_refuse import mixes_rows


def joined(low: Lowering, values: Sequence[Value], axis: int) -> Value:
    """Values side by side along one of their axes."""
    values = [low.lifted(v) for v in values if v.ndim > 1 or v.look.numel() or v.batch is not None]
    first = values[0]
    if any(v.is_batch(axis) for v in values) or len({(v.batch, v.ndim) for v in values}) > 1:
        raise mixes_rows(low.where, low.name)
    nodes, looks, start = [], [], 0
    for value in values:
        node = features(value, low.where)
        nodes.append(node)
        looks.append(torch.arange(start, start + node.size).view(value.look.shape))
        start += node.size
    if any(n.truth for n in nodes):
        nodes = [low.number(n) for n in nodes] if not all(n.truth for n in nodes) else nodes
    look = torch.cat(looks, first.place(axis))
    return computed(gather(tuple(nodes), look, low.where), look.shape, first.batch)


def _stack(low: Lowering, values: Sequence[Value], axis: int = 0) -> Value:
    return joined(low, [with_axis(v, axis) for v in values], axis)


def _copied_into(low: Lowering, target: Value, source: Value, *_: Any) -> Value:  # noqa: ARG001
    return low.lifted(source)


def _pad(low: Lowering, value: Value, pad: Sequence[int], fill: float = 0.0) -> Value:
    for k in range(len(pad) // 2):
        axis = value.ndim - 1 - k
        for amount, before in ((pad[2 * k], True), (pad[2 * k + 1], False)):
            if not amount:
                continue
            if amount < 0 or value.is_batch(axis):
                raise (
                    mixes_rows(low.where, low.name) if amount > 0 else low.refusal("a pad is negative", "slice instead")
                )
            shape = list(value.look.shape)
            shape[value.place(axis)] = amount
            strip = computed(ir.constant(fill), shape, value.batch)
            value = joined(low, [strip, value] if before else [value, strip], axis)
    return value


def _triangle(keep: Callable[..., Tensor]) -> Callable[..., Value]:
    """A row that puts zeros above or below a diagonal of the last two axes."""

    def row(low: Lowering, value: Value, diagonal: int = 0) -> Value:
        if value.is_batch(-1) or value.is_batch(-2):
            raise mixes_rows(low.where, low.name)
        kept = keep(torch.ones(value.look.shape[-2:], dtype=torch.bool), diagonal)
        mask = Value(Fixed(kept, depends=False), kept, None)
        return low.pointwise(lambda c, a: low.make("where", c, low.number(a), ir.constant(0.0)), mask, value)

    return row


def _made(fill: float) -> Callable[..., Value]:
    return lambda low, *_, **__: _full(low, fill)


def _full(low: Lowering, fill: Any) -> Value:
    if isinstance(fill, Value):
        raise low.refusal("a tensor is filled with a computed number", "expand that number")
    shape, other = low.shapes[0]
    batch = next((d for d, (a, b) in enumerate(zip(shape, other, strict=True)) if a != b), None)
    assert batch is not None  # else torch makes it once and for all
    look = (*shape[:batch], 1, shape[batch] // low.rows[0], *shape[batch + 1 :])
    return computed(ir.constant(float(fill), truth=isinstance(fill, bool)), look, batch)


def _fill(low: Lowering, target: Value, fill: Any) -> Value:  # noqa: ARG001
    return low.lifted(fill)


def _zero(low: Lowering, target: Value) -> Value:  # noqa: ARG001
    return low.lifted(0.0)


ROWS: dict[str, Callable[..., Any]] = {
    "cat": lambda low, values, axis=0: joined(low, values, axis), "stack": _stack, "constant_pad_nd": _pad,
    "tril": _triangle(torch.tril), "triu": _triangle(torch.triu),
    **dict.fromkeys(("zeros", "zeros_like", "new_zeros"), _made(0.0)),
    **dict.fromkeys(("empty", "empty_like", "new_empty"), _made(0.0)),
    **dict.fromkeys(("ones", "ones_like", "new_ones"), _made(1.0)),
    "full": lambda low, _, fill, **__: _full(low, fill),
    **dict.fromkeys(("full_like", "new_full"), lambda low, *rest, **_: _full(low, rest[-1])),
    "fill": _fill, "zero": _zero, "copy": _copied_into,
}  # fmt: skip
