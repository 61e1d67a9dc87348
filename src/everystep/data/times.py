"""Turn a column into times: whole numbers, or dates and times of day with what was decided about their zone."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from everystep.data.dates import UnreadableDateError, parse_dates
from everystep.data.frequency import FIRST, LAST
from everystep.data.table import Table
from everystep.data.wording import counted, show_time
from everystep.data.zones import apply_zone

EIGHT_DIGITS = (15_000_101, 25_001_231)


@dataclass(frozen=True)
class Times:
    """A column of times, one for each row."""

    values: np.ndarray  # (rows,) datetime64[ns], or int64 for whole numbers
    timezone: str | None = (
        None  # "UTC": instants; "local": the clock on the wall, offsets left out; None: none was given
    )
    notes: tuple[str, ...] = ()


def read_times(table: Table, column: str, timezone: str = "refuse") -> Times:
    """Convert a column to times.

    Args:
        table: Where the column is.
        column: Its name.
        timezone: What to do with offsets from UTC: ``"refuse"``, ``"utc"`` or ``"local"``. Times that are all in UTC
            need no decision.

    Raises:
        DataError: if a cell is no time, or lies outside what nanoseconds can hold, or offsets need a decision.
    """
    values = table.column(column)
    if values.dtype.kind == "b":
        raise table.refuse(0, column, f"{values[0]} is not a time.")
    if values.dtype.kind in "if":
        return _from_numbers(table, column, values)
    if values.dtype.kind == "M":
        _refuse_missing(table, column, np.isnat(values))
        moments = _checked(table, column, values)
        zone = table.zones.get(column)
        offsets = np.zeros(len(moments), dtype="timedelta64[ns]") if zone is None else _zone_offsets(moments, zone)
        return Times(*apply_zone(table, column, moments, offsets if zone else None, zone, timezone))
    return _from_text(table, column, values, timezone)


def _from_numbers(table: Table, column: str, values: np.ndarray) -> Times:
    if values.dtype.kind == "f":
        _refuse_missing(table, column, np.isnan(values))
        bad = ~(np.abs(values) < 2**53) | (values != np.rint(values))
        if bad.any():
            row = int(np.argmax(bad))
            raise table.refuse(row, column, f"{values[row]} is not a whole number; times are dates or whole numbers.")
    whole = values.astype(np.int64)
    if whole.min() >= EIGHT_DIGITS[0] and whole.max() <= EIGHT_DIGITS[1]:
        try:
            parsed = parse_dates(whole.astype(str).astype(object))
        except UnreadableDateError:
            parsed = None
        if parsed is not None:
            note = f'Column "{column}" was read as dates of the form 20240131.'
            return Times(_checked(table, column, parsed.values), notes=(note,))
    if np.abs(whole).max(initial=0) > 2**62:
        raise table.refuse(int(np.argmax(np.abs(whole))), column, "the whole number is too large for a time.")
    return Times(whole)


def _from_text(table: Table, column: str, values: np.ndarray, timezone: str) -> Times:
    import pandas as pd

    code, distinct = pd.factorize(values)
    stripped = np.array([text.strip() for text in distinct], dtype=object)
    _refuse_missing(table, column, np.isin(code, np.flatnonzero(stripped == "")))
    if all(re.fullmatch(r"[+-]?\d{1,15}(\.\d*)?", text) for text in stripped):
        return _from_numbers(table, column, stripped.astype(np.float64)[code])
    try:
        parsed = parse_dates(stripped)
    except UnreadableDateError as error:
        raise table.refuse(int(np.argmax(code == error.index)), column, str(error)) from error
    moments = _checked(table, column, parsed.values[code])
    offsets = None if parsed.offsets is None else parsed.offsets[code]
    times, zone, notes = apply_zone(table, column, moments, offsets, None, timezone)
    return Times(times, zone, (*((f'Column "{column}": {parsed.note}',) if parsed.note else ()), *notes))


def _refuse_missing(table: Table, column: str, missing: np.ndarray) -> None:
    if missing.any():
        more = f" ({counted(int(missing.sum()), 'such cell')})" if missing.sum() > 1 else ""
        raise table.refuse(int(np.argmax(missing)), column, f"the time is missing{more}.")


def _checked(table: Table, column: str, values: np.ndarray) -> np.ndarray:
    """Convert to nanoseconds, refusing the years that they can't hold (NumPy would wrap them around)."""
    seconds = values.astype("datetime64[s]")
    outside = (seconds < FIRST.astype("datetime64[s]")) | (seconds > LAST.astype("datetime64[s]"))
    if outside.any():
        row = int(np.argmax(outside))
        raise table.refuse(
            row, column, f"{show_time(seconds[row])} lies outside the years 1678 to 2261, "
            "the range of nanosecond times; "
            "give yearly times as whole numbers instead."
        )  # fmt: skip
    return values.astype("datetime64[ns]")


def _zone_offsets(moments: np.ndarray, zone: str) -> np.ndarray:
    import pandas as pd

    index = pd.DatetimeIndex(moments)
    local = index.tz_localize("UTC").tz_convert(zone).tz_localize(None)
    return local.to_numpy().astype("datetime64[ns]") - moments
