"""Operations over the features of a row: sums, means, largest values, norms, softmax, layer normalisation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from everystep.compiler import ir, runs
from everystep.compiler.axes import Computed, Value, computed, gather, ordered
from everystep.compiler.ir import Node
from everystep.compiler.lower import Lowering
from everystep.compiler.terms import Term
from everystep.compiler.trace_refuse import mixes_rows

Axes = int | Sequence[int] | None


def total(low: Lowering, value: Value, axes: Axes = None, keepdim: bool = False, op: str = "sum") -> Value:
    """The sum or the largest of features along axes."""
    value = low.lifted(value)
    places = _places(low, value, axes)
    kept = [d for d in range(value.look.ndim) if d not in places]
    outer = torch.Size(value.look.shape[d] for d in kept)
    inner = torch.Size(value.look.shape[d] for d in places)
    table = value.look.permute(*kept, *places).reshape(outer.numel(), inner.numel())
    if not runs.is_few(table):
        return _folded(low, value, places, keepdim=keepdim, op=op)
    node = _reduced(low, _node(low, value), table, op)
    if keepdim:
        shape = [1 if d in places else size for d, size in enumerate(value.look.shape)]
        return computed(node, shape, value.batch)
    assert value.batch is not None
    return computed(node, outer, value.batch - sum(d < value.batch for d in places))


def _folded(low: Lowering, value: Value, places: list[int], *, keepdim: bool, op: str) -> Value:
    """Reduce runs of features as they lie in memory."""
    node, look = _node(low, value), value.look
    axes = runs.axes_of(look)
    if axes is None or node.size != look.numel() or not runs.is_dense(axes):
        node, look = gather((node,), look, low.where), torch.arange(look.numel()).view(look.shape)
        axes = runs.axes_of(look)
    assert axes is not None
    assert value.batch is not None
    node, order = runs.folded(op, node, axes, places, low.where)
    kept = sorted(order)
    batch = value.batch - sum(d < value.batch for d in places)
    found = ordered(node, torch.Size(look.shape[d] for d in kept), [kept.index(d) for d in order], batch)
    if not keepdim:
        return found
    for d in places:
        found = found.seen(found.look.unsqueeze(d), found.batch)
    return found.seen(found.look, value.batch)


def _places(low: Lowering, value: Value, axes: Axes) -> list[int]:
    chosen = range(value.ndim) if axes is None or axes == [] else [axes] if isinstance(axes, int) else axes
    if value.batch is None or any(value.is_batch(d) for d in chosen):
        raise mixes_rows(low.where, f"{low.name} over the batch axis")
    return sorted(value.place(d) for d in chosen)


def _node(low: Lowering, value: Value) -> Node:
    assert isinstance(value.store, Computed)
    return low.number(value.store.node)


def _reduced(low: Lowering, node: Node, table: torch.Tensor, op: str) -> Node:
    """Reduce the rows of a table of places."""
    count, size = table.shape
    if size == 0 or count == 0:
        return ir.constant(0.0)
    across = op == "sum" and count > 1 and size > 1 and int(table[1, 0] - table[0, 0]) == 1
    if across:  # the rows lie side by side: add slices
        parts = [gather((node,), column, low.where) for column in table.unbind(1)]
        found = parts[0]
        for part in parts[1:]:
            found = low.make("add", found, part)
        return found
    rows = [gather((node,), row, low.where) for row in table.unbind(0)]
    return ir.cat([r if size == 1 else ir.reduce(op, r, low.where) for r in rows], low.where)


def _count(value: Value, axes: Axes) -> int:
    chosen = range(value.ndim) if axes is None or axes == [] else [axes] if isinstance(axes, int) else axes
    return math.prod(value.look.shape[value.place(d)] for d in chosen)


def formula(low: Lowering, rule: Callable[..., Term], *values: Value | float) -> Value:
    """Apply a formula to each feature of broadcast values."""
    return low.pointwise(lambda *nodes: rule(*(Term(low.number(n), low.where) for n in nodes)).node, *values)


def _sum(low: Lowering, value: Value, axes: Axes = None, keepdim: bool = False, **_: Any) -> Value:
    return total(low, value, axes, keepdim)


def _mean(low: Lowering, value: Value, axes: Axes = None, keepdim: bool = False, **_: Any) -> Value:
    summed = total(low, value, axes, keepdim)
    return formula(low, lambda a: a / float(_count(value, axes)), summed)


def _largest(low: Lowering, value: Value, axes: Axes = None, keepdim: bool = False) -> Value:
    return total(low, value, axes, keepdim, "max")


def _smallest(low: Lowering, value: Value, axes: Axes = None, keepdim: bool = False) -> Value:
    return formula(low, lambda a: -a, _largest(low, formula(low, lambda a: -a, value), axes, keepdim))


def _product(low: Lowering, value: Value, axis: int, keepdim: bool = False, **_: Any) -> Value:
    (place,) = _places(low, value, axis)
    parts = [value.seen(value.look.narrow(place, i, 1), value.batch) for i in range(value.look.shape[place])]
    found = parts[0]
    for part in parts[1:]:
        found = formula(low, lambda a, b: a * b, found, part)
    return found if keepdim else total(low, found, axis)


def _any(low: Lowering, value: Value, axes: Axes = None, keepdim: bool = False) -> Value:
    truths = low.pointwise(lambda n: low.make("number", low.truth(n)), value)
    return formula(low, lambda a: a.apply("eq", 0.0).apply("not"), _largest(low, truths, axes, keepdim))


def _all(low: Lowering, value: Value, axes: Axes = None, keepdim: bool = False) -> Value:
    untrue = low.pointwise(lambda n: low.make("number", low.make("not", low.truth(n))), value)
    return formula(low, lambda a: a.apply("eq", 0.0), _largest(low, untrue, axes, keepdim))


def _centred(low: Lowering, value: Value, axes: Axes) -> Value:
    return formula(low, lambda a, m: a - m, value, _mean(low, value, axes, keepdim=True))


def _variance(
    low: Lowering, value: Value, axes: Axes = None, correction: float | None = None, keepdim: bool = False, **_: Any
) -> Value:
    correction = 1 if correction is None else correction
    centred = _centred(low, value, axes)
    squares = total(low, formula(low, lambda a: a * a, centred), axes, keepdim)
    return formula(low, lambda a: a / float(_count(value, axes) - correction), squares)


def safe_root(a: Term) -> Term:
    """The square root, with gradient 0 at 0 as torch's norms have it."""
    nothing = a.apply("eq", 0.0)
    return nothing.select(0.0, nothing.select(1.0, a).apply("sqrt"))


def _deviation(low: Lowering, value: Value, axes: Axes = None, **settings: Any) -> Value:
    return formula(low, safe_root, _variance(low, value, axes, **settings))


def _norm(low: Lowering, value: Value, order: float = 2, axes: Axes = None, keepdim: bool = False, **_: Any) -> Value:
    sizes = formula(low, lambda a: a.apply("abs"), value)
    if order == 1:
        return total(low, sizes, axes, keepdim)
    if order == math.inf:
        return _largest(low, sizes, axes, keepdim)
    if order == 2:
        return formula(low, safe_root, total(low, formula(low, lambda a: a * a, value), axes, keepdim))
    raise low.refusal(f"a norm of order {order}", "use order 1, 2 or infinity")


def _shifted(low: Lowering, value: Value, axis: int) -> Value:
    """A value less its largest feature, which takes no part in gradients: it cancels."""
    largest = formula(low, lambda a: a.apply("stop"), _largest(low, value, axis, keepdim=True))
    return formula(low, lambda a, m: a - m, value, largest)


def safe_softmax(low: Lowering, value: Value, axis: int, *_: Any) -> Value:
    """As a softmax, but 0 instead of NaN where every feature is minus infinity."""
    largest = formula(low, lambda a: a.apply("stop"), _largest(low, value, axis, keepdim=True))
    powers = formula(low, lambda a, m: (a - m.apply("eq", -math.inf).select(0.0, m)).apply("exp"), value, largest)
    summed = total(low, powers, axis, keepdim=True)
    return formula(low, lambda a, s: a / s.apply("eq", 0.0).select(1.0, s), powers, summed)


def _softmax(low: Lowering, value: Value, axis: int, *_: Any) -> Value:
    powers = formula(low, lambda a: a.apply("exp"), _shifted(low, value, axis))
    return formula(low, lambda a, s: a / s, powers, total(low, powers, axis, keepdim=True))


def _log_softmax(low: Lowering, value: Value, axis: int, *_: Any) -> Value:
    shifted = _shifted(low, value, axis)
    summed = total(low, formula(low, lambda a: a.apply("exp"), shifted), axis, keepdim=True)
    return formula(low, lambda a, s: a - s.apply("log"), shifted, summed)


def log_sum_exp(low: Lowering, value: Value, axes: Axes, keepdim: bool = False) -> Value:
    """The logarithm of a sum of exponentials along axes."""
    largest = formula(low, lambda a: a.apply("stop"), _largest(low, value, axes, keepdim=True))
    powers = formula(low, lambda a, m: (a - m).apply("exp"), value, largest)
    if not keepdim:
        largest = _largest(low, value, axes)
        largest = formula(low, lambda a: a.apply("stop"), largest)
    return formula(low, lambda s, m: s.apply("log") + m, total(low, powers, axes, keepdim), largest)


def normalised(low: Lowering, value: Value, axes: Sequence[int], eps: float) -> Value:
    """A value less its mean, divided by its standard deviation."""
    centred = _centred(low, value, axes)
    variance = _mean(low, formula(low, lambda a: a * a, centred), axes, keepdim=True)
    return formula(low, lambda a, v: a * (v + eps).apply("rsqrt"), centred, variance)


def _layer_norm(
    low: Lowering, value: Value, shape: Sequence[int], weight: Value | None, bias: Value | None, eps: float
) -> Value:
    value = low.lifted(value)
    found = normalised(low, value, range(value.ndim - len(shape), value.ndim), eps)
    return _scaled(low, found, weight, bias)


def _scaled(low: Lowering, value: Value, weight: Value | None, bias: Value | None) -> Value:
    if weight is not None:
        value = formula(low, lambda a, w: a * w, value, weight)
    return value if bias is None else formula(low, lambda a, b: a + b, value, bias)


def _group_norm(low: Lowering, value: Value, *rest: Any) -> Value:
    weight, bias, _, channels, inner, groups, eps = rest
    value = low.lifted(value)
    if value.batch != 0:
        raise mixes_rows(low.where, low.name)
    apart = value.seen(value.look.reshape(1, 1, groups, channels * inner // groups), 0)
    found = normalised(low, apart, (2,), eps)
    found = found.seen(found.look.reshape(value.look.shape), 0)
    return _scaled(low, found, *(_per_channel(v, value.ndim) for v in (weight, bias)))


def _per_channel(value: Value | None, ndim: int) -> Value | None:
    return None if value is None else value.seen(value.look.reshape(-1, *[1] * (ndim - 2)), None)


def _batch_norm(
    low: Lowering, value: Value, weight: Value | None, bias: Value | None, mean: Value, variance: Value, *rest: Any
) -> Value:
    eps = rest[-1]
    mean, variance = (_per_channel(v, value.ndim) or v for v in (mean, variance))
    found = formula(low, lambda a, m, v: (a - m) * (v + eps).apply("rsqrt"), value, mean, variance)
    return _scaled(low, found, *(_per_channel(v, value.ndim) for v in (weight, bias)))


def _largest_and_place(low: Lowering, _: Value, *axes: Any, **__: Any) -> Value:
    if not axes:
        raise mixes_rows(low.where, low.name)
    raise low.refusal(f"{low.name} gives places as well as values", f"use a{low.name}")


ROWS: dict[str, Callable[..., Any]] = {
    "sum": _sum, "mean": _mean, "amax": _largest, "amin": _smallest,
    "max": _largest_and_place, "min": _largest_and_place,
    "prod": _product, "any": _any, "all": _all,
    "var": _variance, "std": _deviation, "linalg_vector_norm": _norm,
    "_softmax": _softmax, "_safe_softmax": safe_softmax,
    "_log_softmax": _log_softmax, "logsumexp": log_sum_exp,
    "native_layer_norm": _layer_norm, "native_group_norm": _group_norm,
    "native_batch_norm": _batch_norm,
}  # fmt: skip
