"""Operations that only look at features in another way, put them side by side, or make them from nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from everystep.compiler import runs
from everystep.compiler.axes import Computed, Fixed, Value, computed, features, gather, permuted, reshaped
from everystep.compiler.lower import Lowering
from everystep.compiler.trace_refuse import mixes_rows


def _view(low: Lowering, value: Value, *_: Any, **__: Any) -> Value:
    shape, other = low.shapes[0]
    try:
        return reshaped(value, shape, other, low.rows, low.where)
    except RuntimeError:  # strides of a parameter can't tell this look
        return reshaped(low.lifted(value), shape, other, low.rows, low.where)


def _permute(low: Lowering, value: Value, order: Sequence[int]) -> Value:  # noqa: ARG001
    return permuted(value, order)


def _transpose(low: Lowering, value: Value, one: int, other: int) -> Value:  # noqa: ARG001
    order = list(range(value.ndim))
    if order:
        order[one], order[other] = order[other], order[one]
    return permuted(value, order)


def _t(low: Lowering, value: Value) -> Value:
    return _transpose(low, value, 0, 1) if value.ndim == 2 else value


def with_axis(value: Value, axis: int) -> Value:
    """Add an axis of one."""
    axis %= value.ndim + 1
    batch = value.batch
    if batch is None or axis > batch:
        return value.seen(value.look.unsqueeze(axis + (batch is not None)), batch)
    return value.seen(value.look.unsqueeze(axis), batch + 1)


def without_axis(value: Value, axis: int) -> Value:
    """Drop an axis of one."""
    axis %= value.ndim
    batch = value.batch if value.batch is None or axis > value.batch else value.batch - 1
    return value.seen(value.look.select(value.place(axis), 0), batch)


def _squeeze(low: Lowering, value: Value, axes: int | Sequence[int] | None = None) -> Value:  # noqa: ARG001
    chosen = range(value.ndim) if axes is None else [axes] if isinstance(axes, int) else axes
    drop = sorted({d % value.ndim for d in chosen if value.ndim}, reverse=True)
    for d in drop:
        if not value.is_batch(d) and value.look.shape[value.place(d)] == 1:
            value = without_axis(value, d)
    return value


def _expand(low: Lowering, value: Value, *_: Any, **__: Any) -> Value:
    shape, other = low.shapes[0]
    batch = next((d for d, (a, b) in enumerate(zip(shape, other, strict=True)) if a != b), None)
    new = len(shape) - value.ndim
    look = value.look[(None,) * new]
    if batch is None:
        return value.seen(look.expand(shape), None)
    if value.batch is None:
        look = look.unsqueeze(batch)
        middle = (1, shape[batch] // low.rows[0])
    else:
        middle = (look.shape[batch], look.shape[batch + 1])
    return value.seen(look.expand(*shape[:batch], *middle, *shape[batch + 1 :]), batch)


def _slice(
    low: Lowering, value: Value, axis: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Value:
    if value.is_batch(axis):
        if low.shapes[0][0] != value.shape(low.rows[0]) or low.shapes[0][1] != value.shape(low.rows[1]):
            raise mixes_rows(low.where, "a slice of the batch")
        return value
    cut: list[slice] = [slice(None)] * value.look.ndim
    cut[value.place(axis)] = slice(start, end, step)
    return value.seen(value.look[tuple(cut)], value.batch)


def _select(low: Lowering, value: Value, axis: int, index: int) -> Value:
    if value.is_batch(axis):
        raise mixes_rows(low.where, "an index into the batch")
    axis %= value.ndim
    batch = value.batch if value.batch is None or axis > value.batch else value.batch - 1
    return value.seen(value.look.select(value.place(axis), index), batch)


def _split(low: Lowering, value: Value, size: int | Sequence[int], axis: int = 0) -> list[Value]:
    if value.is_batch(axis):
        raise mixes_rows(low.where, low.name)
    parts = value.look.split(size, value.place(axis))  # type: ignore[arg-type]
    return [value.seen(part, value.batch) for part in parts]


def _glu(low: Lowering, value: Value, axis: int = -1) -> Value:
    if value.is_batch(axis):
        raise mixes_rows(low.where, low.name)
    one, other = value.look.chunk(2, value.place(axis))
    gate = low.pointwise(lambda b: low.make("sigmoid", low.number(b)), value.seen(other, value.batch))
    return low.pointwise(lambda a, b: low.make("mul", a, b), value.seen(one, value.batch), gate)


def _unbind(low: Lowering, value: Value, axis: int = 0) -> list[Value]:
    if value.is_batch(axis):
        raise mixes_rows(low.where, low.name)
    return [_select(low, value, axis, i) for i in range(value.look.shape[value.place(axis)])]


def _copy(low: Lowering, value: Value, *_: Any, **__: Any) -> Value:
    if isinstance(value.store, Fixed):
        return value
    axes = runs.axes_of(value.look)
    if axes and value.store.node.size == value.look.numel() > runs.FEW and runs.is_dense(axes):
        return Value(Computed(value.store.node), value.look, value.batch)  # in the order in which it lies
    return computed(features(value, low.where), value.look.shape, value.batch)


def _detach(low: Lowering, value: Value) -> Value:
    if isinstance(value.store, Computed) and value.store.node.op in {"constant", "spread"}:
        return value  # torch itself detaches what zeros() and its like make
    value = low.lifted(value)
    node = features(value, low.where)
    node = node if node.truth else low.make("stop", node)
    return computed(node, value.look.shape, value.batch, "a detached view of another value")


def _moved(change: Callable[..., Tensor]) -> Callable[..., Value]:
    """A row that puts features in another order along some axes."""

    def row(low: Lowering, value: Value, *arguments: Any) -> Value:
        axes = arguments[-1] if isinstance(arguments[-1], (list, tuple)) else [arguments[-1]]
        if not axes or any(value.is_batch(d) for d in axes):
            raise mixes_rows(low.where, low.name)
        value = low.lifted(value)
        look = change(value.look, *arguments[:-1], [value.place(d) for d in axes])
        return computed(gather((value.store.node,), look, low.where), look.shape, value.batch)  # type: ignore[union-attr]

    return row


def _repeat(low: Lowering, value: Value, times: Sequence[int]) -> Value:
    value = low.lifted(value)
    for _ in range(len(times) - value.ndim):
        value = with_axis(value, 0)
    if value.batch is None and low.shapes[0][0] != low.shapes[0][1]:  # for each row of the batch
        batch = next(d for d, (a, b) in enumerate(zip(*low.shapes[0], strict=True)) if a != b)
        if value.look.shape[batch] == 1 and times[batch] == low.rows[0]:
            value, times = value.seen(value.look.unsqueeze(batch), batch), [*times[:batch], 1, *times[batch + 1 :]]
    if value.batch is None or times[value.batch] != 1:
        raise mixes_rows(low.where, low.name)
    inside = value.batch
    look = value.look.repeat(*times[:inside], 1, 1, *times[inside + 1 :])
    return computed(gather((value.store.node,), look, low.where), look.shape, value.batch)  # type: ignore[union-attr]


def _index(low: Lowering, value: Value, indices: Sequence[Value | None]) -> Value:
    value = low.lifted(value)
    given = [(d, i) for d, i in enumerate(indices) if i is not None]
    if len(given) != 1 or value.is_batch(given[0][0]):
        raise (
            mixes_rows(low.where, low.name)
            if any(value.is_batch(d) for d, _ in given)
            else low.refusal("features are chosen along several axes at once", "choose along one axis after another")
        )
    axis, index = given[0]
    return _chosen(low, value, axis, index)


def _chosen(low: Lowering, value: Value, axis: int, index: Value) -> Value:
    if not isinstance(index.store, Fixed) or index.store.depends or index.batch is not None or index.ndim != 1:
        raise low.refusal(
            "the features that are chosen depend on a tensor", "choose them by numbers written in the step"
        )
    if value.is_batch(axis):
        raise mixes_rows(low.where, low.name)
    value, places = low.lifted(value), index.look
    places = places.nonzero().squeeze(1) if places.dtype == torch.bool else places
    place = value.place(axis)
    look = value.look.index_select(place, places % max(value.look.shape[place], 1))
    return computed(gather((value.store.node,), look, low.where), look.shape, value.batch)  # type: ignore[union-attr]


def _index_select(low: Lowering, value: Value, axis: int, index: Value) -> Value:
    return _chosen(low, value, axis, index)


def _diagonal(low: Lowering, value: Value, offset: int = 0, one: int = 0, other: int = 1) -> Value:
    if value.is_batch(one) or value.is_batch(other):
        raise mixes_rows(low.where, low.name)
    first, second = sorted((one % value.ndim, other % value.ndim))
    batch = value.batch
    shift = 0 if batch is None else (first < batch) + (second < batch)
    look = value.look.diagonal(offset, value.place(one), value.place(other))
    return value.seen(look, None if batch is None else batch - shift)


ROWS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("view", "_unsafe_view"), _view),
    "permute": _permute, "transpose": _transpose, "t": _t,
    "unsqueeze": lambda _, value, axis: with_axis(value, axis),
    "squeeze": _squeeze, "expand": _expand,
    "slice": _slice, "select": _select, "unbind": _unbind, "diagonal": _diagonal,
    **dict.fromkeys(("split", "split_with_sizes", "unsafe_split"), _split),
    **dict.fromkeys(("clone", "_to_copy"), _copy),
    **dict.fromkeys(("alias", "lift_fresh"), lambda _, value: value),
    "detach": _detach, "glu": _glu, "flip": _moved(Tensor.flip), "roll": _moved(Tensor.roll), "repeat": _repeat,
    "index": _index, "index_select": _index_select,
}  # fmt: skip
