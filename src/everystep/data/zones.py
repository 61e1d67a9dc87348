"""What to do with times that carry an offset from UTC."""

from __future__ import annotations

import numpy as np

from everystep.data.table import Table
from everystep.data.wording import counted
from everystep.errors import ArgumentError, DataError

POLICIES = ("refuse", "utc", "local")


def apply_zone(
    table: Table, column: str, instants: np.ndarray, offsets: np.ndarray | None, zone: str | None, policy: str
) -> tuple[np.ndarray, str | None, tuple[str, ...]]:
    """Turn instants and their offsets into the times of the series.

    Args:
        table: For messages.
        column: The time column.
        instants: (rows,) datetime64[ns], in UTC where there are offsets.
        offsets: (rows,) timedelta64, NaT where a row has none; None where no row has one.
        zone: The zone's name, where the column carries one.
        policy: ``"refuse"``, ``"utc"`` or ``"local"``.

    Returns:
        The times, ``"UTC"``, ``"local"`` or None, and notes.
    """
    if policy not in POLICIES:
        raise ArgumentError(f'data: timezone is "{policy}"; expected one of {", ".join(POLICIES)}.')
    if offsets is None:
        return instants, None, ()
    without = np.isnat(offsets)
    if without.any():
        raise table.refuse(
            int(np.argmax(without)), column,
            f"{int(without.sum()):,} of {len(offsets):,} times have no offset from UTC while the others have one.",
        )  # fmt: skip
    seconds = offsets.astype("timedelta64[s]").astype(np.int64)
    if policy == "local":
        note = f'Column "{column}": times are those of the clock on the wall; offsets from UTC were left out.'
        return instants + offsets.astype("timedelta64[ns]"), "local", (note,)
    if policy == "utc" or not seconds.any():
        return instants, "UTC", (f'Column "{column}": times are in UTC.',)
    raise DataError(
        f'{table.name}: column "{column}" carries {_counted(seconds, zone)}. Say how to read it: timezone="utc" '
        '(instants, even through clock changes) or timezone="local" (the clock on the wall, right for days and longer).'
    )


def _counted(seconds: np.ndarray, zone: str | None) -> str:
    values, counts = np.unique(seconds, return_counts=True)
    listed = ", ".join(
        f"{_written(int(v))} ({counted(int(c), 'row')})" for v, c in zip(values[:4], counts[:4], strict=True)
    )
    return f"the time zone {zone}: {listed}" if zone else f"offsets from UTC: {listed}"


def _written(seconds: int) -> str:
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}"
