"""Values that are missing (NaN, empty) or infinite."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from everystep.data.layout import Layout
from everystep.data.rows import Rows, known_option
from everystep.data.table import Table
from everystep.data.wording import counted, show_time
from everystep.errors import DataError

POLICIES = ("refuse", "drop", "interpolate")


def treat_missing(table: Table, rows: Rows, layout: Layout, nonfinite: str, gaps: str) -> tuple[Rows, list[str]]:
    """Apply the policy to every value that is not finite.

    A row without a target is a time without a value, so it is also mended by the policy on gaps, where that is not to
    refuse.

    Args:
        table: For messages.
        rows: The rows.
        layout: What the columns of ``rows.values`` are.
        nonfinite: ``"refuse"``, ``"drop"`` (the rows go, and leave gaps) or ``"interpolate"``.
        gaps: The policy on gaps.

    Returns:
        Rows in which what is to be interpolated is NaN, and notes.

    Raises:
        DataError: if the policy is to refuse; the column, the counts and the first place are named.
    """
    known_option("nonfinite", nonfinite, POLICIES)
    bad = ~np.isfinite(rows.values)
    if not bad.any():
        return rows, []
    static = bad[:, layout.of("static")]
    if static.any():
        raise _refusal(table, rows, layout, bad, "give each series a value in each static column.")
    if nonfinite == "refuse" and gaps != "refuse" and not np.isinf(rows.values).any():
        nonfinite = "drop" if gaps == "drop" else "interpolate"
    if nonfinite == "refuse":
        raise _refusal(
            table, rows, layout, bad, 'say what to do: nonfinite="interpolate" (a straight line in time; gaps="fill" '
            'does it for missing values) or nonfinite="drop" (the rows go, and leave gaps).',
        )  # fmt: skip
    if nonfinite == "drop":
        keep = ~np.any(bad, axis=1)
        return rows.take(keep), [f"{counted(int((~keep).sum()), 'row')} with missing or infinite values left out."]
    rows = replace(rows, values=np.where(bad, np.nan, rows.values))
    return _without_ends(rows, layout, int(bad.sum()))


def _without_ends(rows: Rows, layout: Layout, count: int) -> tuple[Rows, list[str]]:
    """Cut the rows before the first and after the last known target of each series: nothing lies beyond to lean on."""
    known = np.all(np.isfinite(rows.values[:, layout.of("target")]), axis=1)
    place = np.arange(len(known))
    first = np.full(len(rows.ids), len(known))
    last = np.full(len(rows.ids), -1)
    np.minimum.at(first, rows.code[known], place[known])
    np.maximum.at(last, rows.code[known], place[known])
    keep = (place >= first[rows.code]) & (place <= last[rows.code])
    left = int((~keep).sum())
    notes = [f"{counted(left, 'row')} before the first or after the last known value left out."] if left else []
    return rows.take(keep), [f"{counted(count, 'missing or infinite value')} found.", *notes]


def _refusal(table: Table, rows: Rows, layout: Layout, bad: np.ndarray, mend: str) -> DataError:
    column = int(np.argmax(bad.any(axis=0)))
    values = rows.values[:, column]
    infinite, missing = int(np.isinf(values).sum()), int(np.isnan(values).sum())
    held = " and ".join(
        counted(count, f"{what} value") for count, what in ((missing, "missing"), (infinite, "infinite")) if count
    )
    at = int(np.argmax(bad[:, column]))
    name = layout.columns[column]
    cell = table.columns[name][rows.row[at]]
    shown = f', where "{cell}" is too large for a float64' if np.isinf(values[at]) and _digits(cell) else ""
    others = {layout.columns[i] for i in np.flatnonzero(bad.any(axis=0))} - {name}
    more = f" Others: {', '.join(sorted(others))}." if others else ""
    return DataError(
        f'{table.name}: column "{name}" holds {held}, the first at {table.where(rows.row[at])} '
        f'(series "{rows.ids[rows.code[at]]}", {show_time(rows.time[at])}){shown}.{more} Mend the data, or {mend}'
    )


def _digits(cell: object) -> bool:
    return isinstance(cell, str) and any(letter.isdigit() for letter in cell)
