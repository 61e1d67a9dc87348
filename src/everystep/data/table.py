"""What a file or frame comes down to: named columns, and a way to say where a row stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from everystep.errors import DataError, unknown


@dataclass(frozen=True)
class Table:
    """Columns of equal length, as they came; nothing is converted yet.

    A column's dtype says what it is: object for text ("" is a missing cell), float64, int64 or bool
    for numbers, datetime64 for times.
    """

    name: str  # how messages call it: a file's name, or "the frame"
    columns: dict[str, np.ndarray]
    unit: str = "row"  # what a place is counted in: "line" of a text file, "row" of a frame
    places: np.ndarray | None = None  # (rows,) line or row of each row; None: 0, 1, 2 ...
    zones: dict[str, str] = field(default_factory=dict)  # time columns that carry a zone: their instants are UTC
    decimal: str = "."  # the decimal mark of numbers in text
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def column(self, name: str) -> np.ndarray:
        """Return a column by name, or refuse with the names there are."""
        if name not in self.columns:
            raise unknown(self.name, "column", name, self.columns)
        return self.columns[name]

    def where(self, row: Any) -> str:
        """Say where a row stands, as the owner of the data counts: ``line 7`` or ``row 5``."""
        return f"{self.unit} {row if self.places is None else self.places[row]}"

    def refuse(self, row: int, column: str, trouble: str) -> DataError:
        """Make the error for one cell."""
        return DataError(f'{self.name}: {self.where(row)}, column "{column}": {trouble}')
