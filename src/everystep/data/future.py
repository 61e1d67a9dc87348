"""Read what is known ahead: the future values of columns, for the steps to be forecast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from everystep.data.features import NO_TEXT, Feature
from everystep.data.like import read_features_like, read_times_like
from everystep.data.rows import read_ids
from everystep.data.schema import Schema
from everystep.data.source import read_table
from everystep.data.table import Table
from everystep.data.wording import counted, show_time
from everystep.errors import DataError, unknown

SHOWN = 3  # how many missing rows a message lists


def read_future(
    source: Any, schema: Schema, after: Mapping[str, np.datetime64 | int], horizon: int | None = None
) -> dict[str, np.ndarray]:
    """Read the future columns for the steps that follow the last known times.

    Args:
        source: A path or a frame with the time column, the id column if there is one, and every future column. Other
            rows and columns do not matter.
        schema: The schema of the fitted data.
        after: The last known time of each series.
        horizon: Steps ahead; None: the schema's.

    Returns:
        For each series of ``after`` an array (horizon, future features).

    Raises:
        DataError: if rows or values are missing; the series and times are named.
        UnknownNameError: if a column is missing, or a text is no category that the model knows.
    """
    table = read_table(source)
    times = read_times_like(table, schema).values
    code, ids = read_ids(table, schema.id, schema.ids[0] if schema.ids else "series")
    features = read_features_like(table, schema, "future")
    values = np.hstack([np.zeros((table.rows, 0)), *(feature.values for feature in features)])
    order = np.lexsort((times, code))
    bounds = np.searchsorted(code[order], np.arange(len(ids) + 1))
    rows = {one: order[bounds[i] : bounds[i + 1]] for i, one in enumerate(ids)}
    steps = horizon or schema.horizon
    found, missing = {}, []
    for one, last in after.items():
        expected = schema.freq.after(last, steps)
        place = _find(table, schema, one, rows.get(one, order[:0]), times, expected)
        missing += [(one, time) for time in expected[place < 0]]
        found[one] = place
    if missing:
        raise _missing_rows(table, missing, len(after))
    _check_categories(table, features, found)
    _check_finite(table, schema, values, found)
    return {one: values[place] for one, place in found.items()}


def _find(
    table: Table, schema: Schema, one: str, rows: np.ndarray, times: np.ndarray, expected: np.ndarray
) -> np.ndarray:
    """Return the row of each expected time, -1 where there is none."""
    own = times[rows]
    left, right = np.searchsorted(own, expected, side="left"), np.searchsorted(own, expected, side="right")
    twice = np.flatnonzero(right - left > 1)
    if len(twice):
        at = twice[0]
        raise table.refuse(
            int(rows[left[at] + 1]), schema.time,
            f'series "{one}" has the time {show_time(expected[at])} twice (also {table.where(int(rows[left[at]]))}).',
        )  # fmt: skip
    return np.where(right > left, rows[left.clip(max=max(len(rows) - 1, 0))] if len(rows) else -1, -1)


def _missing_rows(table: Table, missing: list[tuple[str, Any]], series: int) -> DataError:
    listed = ", ".join(f'series "{one}" at {show_time(time)}' for one, time in missing[:SHOWN])
    more = " ..." if len(missing) > SHOWN else ""
    return DataError(
        f"{table.name}: {counted(len(missing), 'row')} of the future missing ({listed}{more}); each step to be "
        f"forecast needs its values of the future columns, in {counted(series, 'series')}."
    )


def _check_categories(table: Table, features: list[Feature], found: dict[str, np.ndarray]) -> None:
    """Refuse a text that no series ever had: its effect can't be known, and often it is a typing error."""
    used = np.concatenate([*found.values(), np.zeros(0, dtype=np.int64)])
    for feature in features:
        if feature.categories is None:
            continue
        new = np.flatnonzero(~feature.values[used].any(axis=1))
        if len(new):
            row = int(used[new[0]])
            text = str(table.column(feature.column)[row]) or NO_TEXT
            where = f'{table.name}: {table.where(row)}, column "{feature.column}"'
            raise unknown(where, "category", text, feature.categories)


def _check_finite(table: Table, schema: Schema, values: np.ndarray, found: dict[str, np.ndarray]) -> None:
    used = np.concatenate([*found.values(), np.zeros(0, dtype=np.int64)])
    bad = ~np.isfinite(values[used])
    if bad.any():
        at, feature = np.argwhere(bad)[0]
        column = next(name for name in schema.future if schema.future_features[feature] == name)
        raise table.refuse(
            int(used[at]), column, f"the value is missing or infinite ({counted(int(bad.sum()), 'such cell')})."
        )
