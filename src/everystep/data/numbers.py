"""Turn a column into float64 numbers, or name the cell that is none."""

from __future__ import annotations

import numpy as np

from everystep.data.table import Table
from everystep.data.wording import counted, show_time

# What other programs write into a number's place when there is none. Only in columns of numbers: an id "NA" is an id.
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "<na>", "#n/a", "#na"})
SAMPLE = 1000  # distinct cells looked at to tell numbers from text


def numbers(table: Table, column: str) -> np.ndarray:
    """Convert a column to float64; missing cells are NaN, and 1e400 is infinite.

    Raises:
        DataError: if a cell holds text, or the column holds times; the place and the text are named.
    """
    values = table.column(column)
    if values.dtype.kind == "M":
        raise table.refuse(0, column, f"{show_time(values[0])} is a time; expected a number.")
    if values.dtype.kind != "O":
        return values.astype(np.float64)
    try:
        return np.where(values == "", "nan", values).astype(np.float64)
    except ValueError:
        return _with_care(table, column, values)


def _with_care(table: Table, column: str, values: np.ndarray) -> np.ndarray:
    distinct, inverse = np.unique(values.astype(str), return_inverse=True)
    parsed = np.array([_parse(text, table.decimal) for text in distinct], dtype=object)
    bad = np.array([value is None for value in parsed])[inverse]
    if bad.any():
        row = int(np.argmax(bad))
        more = f" ({counted(int(bad.sum()), 'such cell')})" if bad.sum() > 1 else ""
        raise table.refuse(row, column, f'"{_short(values[row])}" is not a number{more}.')
    return parsed.astype(np.float64)[inverse]


def _parse(text: str, decimal: str) -> float | None:
    if text.strip().lower() in MISSING:
        return np.nan
    try:
        return float(text.replace(decimal, ".", 1) if "." not in text else text)
    except ValueError:
        return None


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def holds_numbers(table: Table, column: str) -> bool:
    """Say whether most cells of a column are numbers (a column of numbers may hold a typing error)."""
    values = table.column(column)
    if values.dtype.kind != "O":
        return values.dtype.kind != "M"
    distinct = [text for text in dict.fromkeys(values[: 20 * SAMPLE]) if text.strip().lower() not in MISSING][:SAMPLE]
    return sum(_parse(text, table.decimal) is not None for text in distinct) * 2 > len(distinct)
