"""From sorted rows to series: missing values, gaps and filling, in that order."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from everystep.data.fill import fill_values
from everystep.data.frequency import Frequency
from everystep.data.gaps import close_gaps
from everystep.data.layout import Layout
from everystep.data.missing import treat_missing
from everystep.data.rows import Rows, sort_rows
from everystep.data.series import Series
from everystep.data.table import Table
from everystep.data.wording import counted
from everystep.errors import ArgumentError, DataError

CONSTANT = ("refuse", "drop", "keep")


@dataclass(frozen=True)
class Policies:
    """What to do with each kind of trouble."""

    gaps: str = "refuse"
    nonfinite: str = "refuse"
    duplicates: str = "refuse"
    unsorted: str = "refuse"
    constant: str = "refuse"

    def __post_init__(self) -> None:
        if self.constant not in CONSTANT:
            raise ArgumentError(f'data: constant is "{self.constant}"; expected one of {", ".join(CONSTANT)}.')


def order_rows(table: Table, rows: Rows, layout: Layout, policies: Policies) -> tuple[Rows, list[str]]:
    """Sort rows into series, and refuse static columns that change within one."""
    rows, notes = sort_rows(table, rows, policies.unsorted, policies.duplicates)
    first = rows.bounds[:-1].clip(max=max(len(rows.code) - 1, 0))
    for column in layout.of("static"):
        changed = rows.values[:, column] != rows.values[first, column][rows.code]
        changed &= np.isfinite(rows.values[:, column])
        if changed.any():
            at = int(np.argmax(changed))
            raise table.refuse(
                int(rows.row[at]), layout.columns[column],
                f'it changes within series "{rows.ids[rows.code[at]]}"; a static column has one value for each series.',
            )  # fmt: skip
    return rows, notes


def even_rows(
    table: Table, rows: Rows, layout: Layout, freq: Frequency, season: int, policies: Policies
) -> tuple[Rows, list[str]]:
    """Make sorted rows finite and evenly spaced, as far as the policies allow."""
    rows, missing = treat_missing(table, rows, layout, policies.nonfinite, policies.gaps)
    rows, gaps = close_gaps(table, rows, freq, policies.gaps)
    empty = np.flatnonzero(np.diff(rows.bounds) == 0)
    if len(empty):
        raise DataError(
            f'{table.name}: series "{rows.ids[empty[0]]}" has no known value ({counted(len(empty), "such case")}).'
        )
    rows, filled = fill_values(_spread_static(rows, layout), layout, season)
    return rows, [*missing, *gaps, *filled]


def _spread_static(rows: Rows, layout: Layout) -> Rows:
    """Give rows that were put in the static values of their series."""
    static = layout.of("static")
    rows.values[:, static] = rows.values[rows.bounds[:-1]][rows.code][:, static]
    return rows


def build_series(table: Table, rows: Rows, layout: Layout, constant: str) -> tuple[tuple[Series, ...], list[str]]:
    """Cut rows into series, and treat those whose target never changes."""
    bounds = rows.bounds
    parts = {part: rows.values[:, layout.of(part)] for part in ("target", "past", "future")}
    static = rows.values[bounds[:-1]][:, layout.of("static")]
    still = _constant(parts["target"], bounds) if constant != "keep" else np.zeros(len(rows.ids), dtype=bool)
    if still.any() and (constant == "refuse" or still.all()):
        raise _refusal(table, rows, layout, still)
    series = tuple(
        Series(rows.ids[i], rows.time[a:b], **{part: values[a:b] for part, values in parts.items()}, static=static[i])
        for i, (a, b) in enumerate(pairwise(bounds))
        if not still[i]
    )
    notes = [f"{counted(int(still.sum()), 'series')} without any change left out."] if still.any() else []
    return series, notes


def _constant(target: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Say of each series whether one of its targets never changes (a single step says nothing)."""
    same = np.minimum.reduceat(target, bounds[:-1]) == np.maximum.reduceat(target, bounds[:-1])
    return same.any(axis=1) & (np.diff(bounds) > 1)


def _refusal(table: Table, rows: Rows, layout: Layout, still: np.ndarray) -> DataError:
    at = int(np.argmax(still))
    part = rows.values[rows.bounds[at] : rows.bounds[at + 1]][:, layout.of("target")]
    column = int(np.argmax(np.ptp(part, axis=0) == 0))
    name = layout.columns[column]
    never = f" {counted(int(still.sum()), 'series')} of {len(rows.ids):,} never change: leave them out, or pass "
    others = f'{never}constant="drop".' if len(rows.ids) > 1 else ""
    return DataError(
        f'{table.name}: series "{rows.ids[at]}" never changes: column "{name}" is {part[0, column]:g} in all its rows '
        f"({len(part):,}), and there is nothing to learn from it.{others}"
    )
