"""Checked, evenly spaced series, and a panel of them under one schema."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from everystep.data.schema import Schema
from everystep.errors import DataError


@dataclass(frozen=True)
class Series:
    """One series; every value is finite."""

    id: str
    times: np.ndarray  # (n,) datetime64[ns] or int64, one step of the schema's frequency apart
    target: np.ndarray  # (n, targets)
    past: np.ndarray  # (n, past features)  known only up to the present
    future: np.ndarray  # (n, future features)  known ahead
    static: np.ndarray  # (static features,)

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True)
class Panel:
    """One or many series, and in plain sentences what was guessed, left out and filled."""

    schema: Schema
    series: tuple[Series, ...]
    notes: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """The series' ids, in order of first appearance."""
        return tuple(one.id for one in self.series)

    def check_length(self, needed: int, why: str) -> None:
        """Refuse the panel if a series is shorter than needed.

        Args:
            needed: Steps that every series must have.
            why: What they are needed for, for the message.

        Raises:
            DataError: naming the shortest series and how many are too short.
        """
        short = [one for one in self.series if len(one) < needed]
        if short:
            least = min(short, key=len)
            raise DataError(
                f'data: series "{least.id}" has {len(least):,} steps; {why} needs at least {needed:,}. '
                f"{len(short):,} of {len(self.series):,} series {'is' if len(short) == 1 else 'are'} too short: "
                "leave them out, or ask for a shorter horizon."
            )
