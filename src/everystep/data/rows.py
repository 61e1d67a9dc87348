"""The rows of a table sorted into series, each in rising time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from everystep.data.table import Table
from everystep.data.wording import clock_hint, counted, show_time
from everystep.errors import ArgumentError, DataError

FILLED = -1  # the row of a time stamp that the table does not have


@dataclass(frozen=True)
class Rows:
    """Rows of all series, one series after the other."""

    ids: tuple[str, ...]
    code: np.ndarray  # (rows,) which of ids, rising
    time: np.ndarray  # (rows,) datetime64[ns] or int64
    values: np.ndarray  # (rows, columns) float64
    row: np.ndarray  # (rows,) the table's row, or FILLED
    timezone: str | None = None  # how offsets from UTC were read: "UTC", "local" or None

    def take(self, which: np.ndarray) -> Rows:
        """Return some rows, by mask or by index."""
        return replace(
            self, code=self.code[which], time=self.time[which], values=self.values[which], row=self.row[which]
        )

    @property
    def bounds(self) -> np.ndarray:
        """Where each series begins, and the end: (series + 1,)."""
        return np.searchsorted(self.code, np.arange(len(self.ids) + 1))

    @property
    def same(self) -> np.ndarray:
        """Whether each row but the first belongs to the series of the row before: (rows - 1,)."""
        return self.code[1:] == self.code[:-1]


def read_ids(table: Table, column: str | None, single: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Number the series in order of first appearance; an id is text, whatever it looks like."""
    import pandas as pd

    if column is None:
        return np.zeros(table.rows, dtype=np.int64), (single,)
    values = table.column(column)
    if values.dtype.kind == "f" and (values[np.isfinite(values)] % 1 == 0).all():
        values = np.array(["" if np.isnan(value) else str(int(value)) for value in values], dtype=object)
    code, distinct = pd.factorize(values)
    texts = [str(value).strip() for value in distinct]
    empty = np.isin(code, [i for i, text in enumerate(texts) if text in {"", "NaT"}]) | (code < 0)
    if empty.any():
        raise table.refuse(
            int(np.argmax(empty)), column, f"the id is missing ({counted(int(empty.sum()), 'such row')})."
        )
    return code.astype(np.int64), tuple(str(value) for value in distinct)


def sort_rows(table: Table, rows: Rows, unsorted: str, duplicates: str) -> tuple[Rows, list[str]]:
    """Put the rows of each series together and in order of time, as far as the policies allow.

    Raises:
        DataError: if times fall or repeat and the policy is to refuse; the series is named.
    """
    known_option("unsorted", unsorted, ("refuse", "sort"))
    known_option("duplicates", duplicates, ("refuse", "first", "last"))
    rows = rows.take(np.argsort(rows.code, kind="stable"))
    rows, notes = _in_order(table, rows, unsorted)
    twice = np.flatnonzero(rows.same & (rows.time[1:] == rows.time[:-1])) + 1
    if not len(twice):
        return rows, notes
    if duplicates == "refuse":
        raise _duplicated(table, rows, twice)
    keep = np.ones(len(rows.time), dtype=bool)
    keep[twice if duplicates == "first" else twice - 1] = False
    return rows.take(keep), [
        *notes,
        f"{counted(len(twice), 'row')} with a duplicated time left out; the {duplicates} was kept.",
    ]


def _in_order(table: Table, rows: Rows, unsorted: str) -> tuple[Rows, list[str]]:
    falls = np.flatnonzero(rows.same & (rows.time[1:] < rows.time[:-1])) + 1
    if not len(falls):
        return rows, []
    series = len(np.unique(rows.code[falls]))
    if unsorted == "sort":
        return rows.take(np.lexsort((rows.time, rows.code))), [f"{counted(series, 'series')} sorted by time."]
    at = falls[0]
    others = f" {series:,} series are not sorted." if series > 1 else ""
    raise DataError(
        f'{table.name}: series "{rows.ids[rows.code[at]]}" is not sorted by time: {table.where(rows.row[at])} '
        f"({show_time(rows.time[at])}) comes after {show_time(rows.time[at - 1])}.{others}{_missing_id(rows)} "
        'Sort the rows by time, or pass unsorted="sort".'
    )


def _duplicated(table: Table, rows: Rows, twice: np.ndarray) -> DataError:
    at = twice[0]
    series = counted(len(np.unique(rows.code[twice])), "series")
    return DataError(
        f'{table.name}: series "{rows.ids[rows.code[at]]}" has the time {show_time(rows.time[at])} twice '
        f"({table.where(rows.row[at - 1])} and {table.where(rows.row[at])}); "
        f"{counted(len(twice), 'duplicated time')} in {series}.{_missing_id(rows)}{clock_hint(rows.timezone, 'local')} "
        'Remove one of each, or pass duplicates="first" or "last".'
    )


def _missing_id(rows: Rows) -> str:
    """Several series without an id column look like one whose times fall and repeat."""
    return " If there are several series, name the column that tells them apart (id)." if len(rows.ids) == 1 else ""


def known_option(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse an option that is none of those allowed."""
    if value not in allowed:
        raise ArgumentError(f'data: {name} is "{value}"; expected one of {", ".join(allowed)}.')
