"""Time stamps that are missing between others, and times that lie between the stamps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from everystep.data.frequency import Frequency
from everystep.data.rows import FILLED, Rows, known_option
from everystep.data.table import Table
from everystep.data.wording import clock_hint, counted, show_time
from everystep.errors import DataError

POLICIES = ("refuse", "fill", "drop")
SHOWN = 3  # how many gaps a message lists


def close_gaps(table: Table, rows: Rows, freq: Frequency, policy: str) -> tuple[Rows, list[str]]:
    """Make every series evenly spaced.

    Args:
        table: For messages.
        rows: Rows in order of time.
        freq: The step.
        policy: ``"refuse"``, ``"fill"`` (rows of NaN are put in) or ``"drop"`` (only what follows the last gap of each
            series stays, since forecasts go on from there).

    Raises:
        DataError: if a time lies between the steps, or the policy is to refuse, or more is missing than there is.
    """
    known_option("gaps", policy, POLICIES)
    if not len(rows.time):
        return rows, []
    origin = rows.time[rows.bounds[:-1].clip(max=len(rows.time) - 1)]
    index, on_grid = freq.steps(origin[rows.code], rows.time)
    if not on_grid.all():
        raise _uneven(table, rows, freq, on_grid)
    missing = np.where(rows.same, np.diff(index) - 1, 0)
    if not missing.any():
        return rows, []
    if policy == "refuse":
        raise _refusal(table, rows, freq, missing)
    return _fill(table, rows, freq, origin, index) if policy == "fill" else _last_stretch(rows, missing)


def _uneven(table: Table, rows: Rows, freq: Frequency, on_grid: np.ndarray) -> DataError:
    at = int(np.argmin(on_grid))
    return DataError(
        f'{table.name}: times are not evenly spaced: series "{rows.ids[rows.code[at]]}" has {show_time(rows.time[at])} '
        f"({table.where(rows.row[at])}), no whole number of steps of {freq} after its first time; so "
        f"{counted(int((~on_grid).sum()), 'row')} of {len(on_grid):,}. Give the right freq, or bring the times to even "
        f"steps first.{clock_hint(rows.timezone, 'UTC')}"
    )


def _refusal(table: Table, rows: Rows, freq: Frequency, missing: np.ndarray) -> DataError:
    breaks = np.flatnonzero(missing)
    series = counted(len(np.unique(rows.code[breaks])), "series")
    listed = "; ".join(
        f'series "{rows.ids[rows.code[at]]}" after {show_time(rows.time[at])}: {missing[at]:,}' for at in breaks[:SHOWN]
    )
    more = "; ..." if len(breaks) > SHOWN else ""
    return DataError(
        f"{table.name}: {counted(int(missing.sum()), 'time stamp')} missing at a step of {freq}, in {series} of "
        f'{len(rows.ids):,} ({listed}{more}). Say what to do: gaps="fill" (a straight line in time) or gaps="drop" '
        f"(keep only what follows the last gap); or give the right freq.{clock_hint(rows.timezone, 'local')}"
    )


def _fill(table: Table, rows: Rows, freq: Frequency, origin: np.ndarray, index: np.ndarray) -> tuple[Rows, list[str]]:
    present = np.diff(rows.bounds)
    length = np.zeros(len(rows.ids), dtype=np.int64)
    np.maximum.at(length, rows.code, index + 1)
    if (length > 2 * present).any():
        worst = int(np.argmax(length - 2 * present))
        raise DataError(
            f'{table.name}: series "{rows.ids[worst]}" has {counted(int(present[worst]), "row")} and lacks '
            f"{int(length[worst] - present[worst]):,} at a step of {freq}: filling would invent most of it. "
            'Use gaps="drop", or give the right freq.'
        )
    code = np.repeat(np.arange(len(rows.ids)), length)
    start = np.cumsum(length) - length
    step = np.arange(len(code)) - start[code]
    place = start[rows.code] + index
    values = np.full((len(code), rows.values.shape[1]), np.nan)
    values[place] = rows.values
    row = np.full(len(code), FILLED)
    row[place] = rows.row
    filled = len(code) - len(rows.code)
    series = int((length > present).sum())
    note = f"{counted(filled, 'missing time stamp')} put in, in {counted(series, 'series')} of {len(rows.ids):,}."
    return replace(rows, code=code, time=freq.at(origin[code], step), values=values, row=row), [note]


def _last_stretch(rows: Rows, missing: np.ndarray) -> tuple[Rows, list[str]]:
    first = rows.bounds[:-1].copy()
    breaks = np.flatnonzero(missing)
    np.maximum.at(first, rows.code[breaks], breaks + 1)
    keep = np.arange(len(rows.code)) >= first[rows.code]
    series = len(np.unique(rows.code[breaks]))
    left = counted(int((~keep).sum()), "row")
    note = f"{left} before the last gap left out, in {counted(series, 'series')} of {len(rows.ids):,}."
    return rows.take(keep), [note]
