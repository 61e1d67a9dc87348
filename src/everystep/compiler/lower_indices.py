"""Indices that a step finds, the largest feature's, and what is looked up by them: rows of a table of parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

from everystep.compiler import ir, lower_views, runs
from everystep.compiler.axes import Computed, Fixed, Value, computed, features, gather
from everystep.compiler.indices import choices
from everystep.compiler.lower import Lowering
from everystep.compiler.lower_features import formula
from everystep.compiler.lower_views import with_axis, without_axis
from everystep.compiler.trace_refuse import mixes_rows


def _place_of_largest(low: Lowering, value: Value, axis: int | None = None, keepdim: bool = False) -> Value:
    """The index of the largest feature along an axis, the first of equal ones."""
    value = low.lifted(value)
    if axis is None or value.batch is None or value.is_batch(axis):
        raise mixes_rows(low.where, f"{low.name} over the batch axis")
    look = value.look.movedim(value.place(axis), -1).flatten(0, -2)  # a line for each index that is sought
    if len(look) > runs.FEW:
        raise low.refusal(f"{low.name} of {len(look)} groups of features", f"take at most {runs.FEW} in one step")
    assert isinstance(value.store, Computed)
    found = [ir.reduce("argmax", gather((value.store.node,), line, low.where), low.where) for line in look]
    shape = list(value.look.shape)
    shape[value.place(axis)] = 1
    index = computed(ir.cat(found, low.where), shape, value.batch)
    return index if keepdim else without_axis(index, axis)


def _place_of_smallest(low: Lowering, value: Value, axis: int | None = None, keepdim: bool = False) -> Value:
    return _place_of_largest(low, formula(low, lambda a: -a, value), axis, keepdim)


def _looked_up(low: Lowering, table: Value, index: Value) -> Value:
    """The rows of a table, (rows, features) or (rows,), that an index of any shape names."""
    if not isinstance(table.store, Fixed) or table.ndim not in {1, 2}:
        raise low.refusal("rows are looked up in what is no matrix of parameters", "look up in a parameter")
    index = low.lifted(index)
    places = features(index, low.where)
    known, rows = choices(places), table.look.shape[0]
    if not 0 < known <= rows:
        raise low.refusal(f"an index of {known} is looked up in {rows} rows", f"expected a table of {known} rows")
    weight = low.weight(table.store, table.look if table.ndim == 2 else table.look.unsqueeze(1))
    found = [ir.lookup(ir.slice_of(places, n, 1), weight, low.where) for n in range(places.size)]
    return computed(ir.cat(found, low.where), (*index.look.shape, *table.look.shape[1:]), index.batch)


def _embedding(
    low: Lowering, table: Value, index: Value, padding: int = -1, by_frequency: bool = False, sparse: bool = False
) -> Value:
    if by_frequency or sparse:
        raise low.refusal("an embedding with scale_grad_by_freq or sparse gradients", "use a plain one")
    found = _looked_up(low, table, index)
    if padding < 0:
        return found
    return low.pointwise(  # the row of padding takes no part in gradients
        lambda i, row: low.make("where", low.make("eq", i, ir.constant(float(padding))), low.make("stop", row), row),
        with_axis(index, -1),
        found,
    )


def _index(low: Lowering, table: Value, indices: Sequence[Value | None]) -> Value:
    first = indices[0]
    if len(indices) == 1 and _is_found(first, table):
        return _looked_up(low, table, first)
    return lower_views.ROWS["index"](low, table, indices)


def _index_select(low: Lowering, table: Value, axis: int, index: Value) -> Value:
    if axis % table.ndim == 0 and _is_found(index, table):
        return _looked_up(low, table, index)
    return lower_views.ROWS["index_select"](low, table, axis, index)


def _is_found(index: Value | None, table: Value) -> TypeGuard[Value]:
    """Whether rows of parameters are taken by an index that the step found."""
    found = index is not None and isinstance(index.store, Computed) and not index.store.node.truth
    return found and isinstance(table.store, Fixed)


ROWS: dict[str, Callable[..., Any]] = {
    "argmax": _place_of_largest, "argmin": _place_of_smallest,
    "embedding": _embedding, "index": _index, "index_select": _index_select,
}  # fmt: skip
