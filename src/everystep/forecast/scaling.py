"""Centre and scale, learned from the training part alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from everystep.forecast.rows import Rows

Array = NDArray[Any]


@dataclass(frozen=True)
class Scaling:
    """One mean and one scale for each row and each covariate.

    Attributes:
        names: (id, target) of each row.
        mean: (rows,) mean of the training part.
        scale: (rows,) mean absolute seasonal difference of the training part, the unit of the loss.
        covariate_mean: (past + future,).
        covariate_scale: (past + future,).
        static_mean: (static,).
        static_scale: (static,).
    """

    names: tuple[tuple[str, str], ...]
    mean: Array
    scale: Array
    covariate_mean: Array
    covariate_scale: Array
    static_mean: Array
    static_scale: Array

    def of(self, rows: Rows, season: int) -> Scaling:
        """Give the scaling of other rows: the known ones keep theirs, a new one is scaled by its own history."""
        place = {name: number for number, name in enumerate(self.names)}
        own = [_mean_and_scale(rows.row(i), season) if name not in place else None for i, name in enumerate(rows.names)]
        mean = [self.mean[place[name]] if o is None else o[0] for name, o in zip(rows.names, own, strict=True)]
        scale = [self.scale[place[name]] if o is None else o[1] for name, o in zip(rows.names, own, strict=True)]
        return Scaling(rows.names, np.array(mean), np.array(scale), *self._shared())

    def to_arrays(self) -> dict[str, Array]:
        """Give every number, by name."""
        return {name: getattr(self, name) for name in NUMBERS}

    @classmethod
    def from_arrays(cls, names: tuple[tuple[str, str], ...], arrays: Mapping[str, Array]) -> Scaling:
        """Read back what ``to_arrays`` gave."""
        return cls(names, *(np.asarray(arrays[name], dtype=np.float64) for name in NUMBERS))

    def _shared(self) -> tuple[Array, ...]:
        return self.covariate_mean, self.covariate_scale, self.static_mean, self.static_scale


NUMBERS = ("mean", "scale", "covariate_mean", "covariate_scale", "static_mean", "static_scale")


def fit_scaling(rows: Rows, train: Array, season: int) -> Scaling:
    """Learn the scaling from the first ``train[row]`` values of each row.

    Args:
        rows: The rows.
        train: (rows,) values of each row's training part; a row without one is scaled by what is known of it.
        season: Steps in a season.

    Returns:
        The scaling.
    """
    parts = [rows.row(i)[: train[i] or None] for i in range(len(rows))]
    mean, scale = np.array([_mean_and_scale(part, season) for part in parts]).T
    seen = [
        rows.covariates[s : s + n] for s, n in sorted({(rows.covariate_first[i], train[i]) for i in range(len(rows))})
    ]
    return Scaling(rows.names, mean, scale, *_columns(np.concatenate(seen)), *_columns(rows.static))


def seasonal_scale(values: Array, season: int) -> float:
    """Give the mean absolute difference of values one season apart: the error of the seasonal naive, MASE's unit."""
    lag = season if len(values) > 2 * season else 1
    return float(np.abs(values[lag:] - values[:-lag]).mean()) if len(values) > lag else 0.0


def _mean_and_scale(values: Array, season: int) -> tuple[float, float]:
    centre = float(values.mean())
    # A series that repeats itself exactly has no seasonal difference, and a constant start has no spread at all.
    candidates = (seasonal_scale(values, season), float(np.abs(values - centre).mean()), abs(centre), 1.0)
    # Below the rounding of the values themselves a difference is noise, not a scale.
    noise = 64 * np.finfo(np.float64).eps * float(np.abs(values).max())
    return centre, next(c for c in candidates if c > noise)


def _columns(table: Array) -> tuple[Array, Array]:
    if not len(table):
        return np.zeros(table.shape[1]), np.ones(table.shape[1])
    spread = table.std(axis=0)
    return table.mean(axis=0), np.where(spread > 0, spread, 1.0)
