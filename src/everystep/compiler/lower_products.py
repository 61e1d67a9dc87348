"""Products: values times weights become ``affine``; values times values become sums of elementwise products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from everystep.compiler import ir, runs
from everystep.compiler.axes import Computed, Fixed, Value, computed, gather, permuted
from everystep.compiler.ir import Node
from everystep.compiler.lower import Lowering
from everystep.compiler.lower_features import total
from everystep.compiler.lower_made import joined
from everystep.compiler.lower_views import with_axis, without_axis
from everystep.compiler.trace_refuse import mixes_rows

PRODUCTS = 512  # one node for each group and place: more are refused


def product(low: Lowering, a: Value, b: Value, start: Value | None = None) -> Value:
    """(group, m, k) times (group, k, n), and a start (group, m, n)."""
    if isinstance(b.store, Fixed) and isinstance(a.store, Computed):
        return _weighted(low, a, b, start)
    if isinstance(a.store, Fixed) and isinstance(b.store, Computed):
        turned = None if start is None else permuted(start, (0, 2, 1))
        return permuted(_weighted(low, permuted(b, (0, 2, 1)), permuted(a, (0, 2, 1)), turned), (0, 2, 1))
    pairs = low.pointwise(lambda p, q: low.make("mul", p, q), with_axis(a, -1), with_axis(b, 1))
    summed = total(low, pairs, (2,), keepdim=False)
    return summed if start is None else low.pointwise(lambda p, q: low.make("add", p, q), start, summed)


def _weighted(low: Lowering, a: Value, b: Value, start: Value | None) -> Value:
    if a.batch not in {0, 1}:
        raise mixes_rows(low.where, low.name)
    *outer, k = a.look.shape  # (group, m) with the batch taken out of one of them
    groups = outer[:2] if a.batch == 0 else outer[:1]
    if b.batch is not None and (a.batch != 0 or b.batch != 0):
        raise mixes_rows(low.where, low.name)
    n = b.look.shape[-1]
    shape = torch.Size((*outer, n))
    if not shape.numel():
        return computed(ir.constant(0.0), shape, a.batch)
    if len(groups) == 1 and groups[0] == 1 and n <= runs.FEW < shape[:-1].numel():
        return _of_few_columns(low, a, b, start)
    if shape[:-1].numel() > PRODUCTS:
        raise low.refusal(f"one step takes {shape[:-1].numel()} products", "use fewer heads or places")
    rows_of_a = a.look.reshape(torch.Size(outer).numel(), k)
    weights = b.look.reshape(torch.Size(groups).numel(), k, n) if len(groups) == 1 else b.look
    starts = _starts(low, start, shape, a.batch)
    nodes: list[Node] = []
    per_group = torch.Size(outer[len(groups) :]).numel()
    for p, row in enumerate(rows_of_a):
        weight = _at(weights, p // per_group, groups)
        begin = None if starts is None else starts[p]
        nodes.append(_affine(low, gather((_node(a),), row, low.where), b, weight, begin))
    return computed(ir.cat(nodes, low.where), shape, a.batch)


def _of_few_columns(low: Lowering, a: Value, b: Value, start: Value | None) -> Value:
    """Many rows of one row of the batch by few columns: for each column a sum of elementwise products."""
    found = []
    for n in range(b.look.shape[-1]):
        column = b.seen(b.look.reshape(-1, b.look.shape[-1])[:, n], None)
        pairs = low.pointwise(lambda p, q: low.make("mul", low.number(p), q), a, column)
        found.append(total(low, pairs, (-1,), keepdim=True))
    summed = joined(low, found, 2)
    return summed if start is None else low.pointwise(lambda p, q: low.make("add", p, q), start, summed)


def _affine(low: Lowering, value: Node, b: Value, weight: Tensor, start: Node | None) -> Node:
    assert isinstance(b.store, Fixed)
    value = low.number(value)
    if value.size == 0:  # no features: the product is zero
        return ir.spread(ir.constant(0.0) if start is None else start, weight.shape[1], low.where)
    return ir.affine([value], [low.weight(b.store, weight)], start, low.where)


def _at(weights: Tensor, group: int, groups: Any) -> Tensor:
    if len(groups) == 1:
        return weights[group]
    return weights[group // groups[1], group % groups[1]]


def _starts(low: Lowering, start: Value | None, shape: torch.Size, batch: int | None) -> list[Node] | None:
    if start is None:
        return None
    start = low.lifted(start)
    look = start.look
    if start.batch is None:
        look = look[(None,) * (3 - start.ndim)]
        assert batch is not None
        look = look.unsqueeze(batch)
    elif start.batch != batch or start.ndim != 3:
        raise mixes_rows(low.where, low.name)
    return [
        gather((_node(start),), row, low.where) for row in look.expand(shape).reshape(shape[:-1].numel(), shape[-1])
    ]


def _node(value: Value) -> Node:
    assert isinstance(value.store, Computed)
    return value.store.node


def _mm(low: Lowering, a: Value, b: Value, start: Value | None = None) -> Value:
    begin = None if start is None else _as_matrix(start)
    return without_axis(product(low, with_axis(a, 0), with_axis(b, 0), begin), 0)


def _as_matrix(start: Value) -> Value:
    while start.ndim < 3:
        start = with_axis(start, 0)
    return start


def _added(times: Callable[..., Value]) -> Callable[..., Value]:
    """A row for start times beta plus a product times alpha."""

    def row(low: Lowering, start: Value, a: Value, b: Value, *, beta: float = 1, alpha: float = 1) -> Value:
        if beta == alpha == 1:
            return times(low, a, b, start)
        found = times(low, a, b)

        def rule(p: Node, q: Node) -> Node:
            scaled = low.make("mul", q, ir.constant(alpha))
            return low.make("add", low.make("mul", p, ir.constant(beta)), scaled) if beta else scaled

        return low.pointwise(rule, start, found)

    return row


def _bmm(low: Lowering, a: Value, b: Value, start: Value | None = None) -> Value:
    return product(low, a, b, None if start is None else _as_matrix(start))


def _mv(low: Lowering, a: Value, b: Value) -> Value:
    return without_axis(_mm(low, a, with_axis(b, -1)), -1)


def _bilinear(low: Lowering, a: Value, weight: Value, b: Value, *_: Any) -> Value:
    """A row for nn.Bilinear: a times weight (out, in, other) times b."""
    if not isinstance(weight.store, Fixed) or a.ndim != 2:
        raise low.refusal("a product of three computed values", "use einsum on two at a time")
    n, k, j = weight.look.shape
    by_b = weight.seen(weight.look.permute(2, 0, 1).reshape(j, n * k), None)
    each = _mm(low, b, by_b)
    each = each.seen(each.look.reshape(1, 1, n, k), 0)
    pairs = low.pointwise(lambda p, q: low.make("mul", p, q), each, with_axis(a, 1))
    return total(low, pairs, (2,), keepdim=False)


def _running_sum(low: Lowering, value: Value, axis: int, **_: Any) -> Value:
    """Sums of the features so far: a product with a triangle of ones."""
    axis %= value.ndim
    if value.is_batch(axis) or value.ndim > 3:
        raise mixes_rows(low.where, low.name)
    n = value.look.shape[value.place(axis)]
    ones = torch.ones(n, n, dtype=low.dtype).triu()
    order = [d for d in range(value.ndim) if d != axis] + [axis]
    value = permuted(low.lifted(value), order)
    while value.ndim < 3:
        value = with_axis(value, 0)
    if value.batch == 0:
        value, order = permuted(value, (1, 0, 2)), [order[1], order[0], *order[2:]]
    found = product(low, value, Value(Fixed(ones, depends=False), ones.expand(value.look.shape[0], n, n), None))
    while found.ndim > len(order):
        found = without_axis(found, 0)
    return permuted(found, [order.index(d) for d in range(len(order))])


ROWS: dict[str, Callable[..., Any]] = {
    "mm": _mm, "bmm": _bmm, "mv": _mv,
    "_trilinear": _bilinear, "cumsum": _running_sum,
    "addmm": _added(_mm), "baddbmm": _added(_bmm),
}  # fmt: skip
