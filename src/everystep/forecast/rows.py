"""Every target of every series as one row of a long array, so that a window is a slice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from everystep.data import Panel

Array = NDArray[Any]


@dataclass(frozen=True)
class Rows:
    """Rows laid one after another; a row is one target of one series.

    Attributes:
        names: (id, target) of each row.
        values: (total,) float64, the rows one after another; NaN where a value lies ahead.
        first: (rows,) where each row starts in ``values``.
        known: (rows,) values that are known.
        covariates: (covariate total, past + future) float64, one block for each series.
        covariate_first: (rows,) where the block of a row's series starts.
        static: (rows, static) float64.
        series: (rows,) the row's series, by place in the panel.
    """

    names: tuple[tuple[str, str], ...]
    values: Array
    first: Array
    known: Array
    covariates: Array
    covariate_first: Array
    static: Array
    series: Array

    def __len__(self) -> int:
        return len(self.names)

    def row(self, number: int) -> Array:
        """Give the known values of one row, (n,)."""
        return self.values[self.first[number] : self.first[number] + self.known[number]]


def rows_of(panel: Panel, ahead: Mapping[str, Array] | None = None, horizon: int = 0) -> Rows:
    """Lay out a panel as rows.

    Args:
        panel: The checked series.
        ahead: What is known of the future columns after each series' end, ``{id: (horizon, future)}``; zeros without.
        horizon: Steps after the end to make room for, 0 or more.

    Returns:
        The rows, in the order of the panel: all targets of the first series, then those of the next.
    """
    targets = panel.schema.targets
    longer = [len(series.target) + horizon for series in panel.series]
    starts = np.concatenate([[0], np.cumsum(longer)]).astype(np.int64)
    gap = np.full(horizon, np.nan)
    values = [np.concatenate([column, gap]) for series in panel.series for column in series.target.T]
    blocks = [_covariates(series, (ahead or {}).get(series.id), horizon) for series in panel.series]
    sizes = np.repeat(np.array(longer, dtype=np.int64), len(targets))
    places = np.repeat(np.arange(len(panel.series)), len(targets))
    return Rows(
        names=tuple((series.id, target) for series in panel.series for target in targets),
        values=np.concatenate(values).astype(np.float64),
        first=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64),
        known=sizes - horizon,
        covariates=np.concatenate(blocks),
        covariate_first=starts[places],
        static=np.stack([np.asarray(panel.series[i].static, dtype=np.float64).ravel() for i in places]),
        series=places,
    )


def _covariates(series: Any, ahead: Array | None, horizon: int) -> Array:
    known = np.concatenate([series.past, series.future], axis=1).astype(np.float64)
    coming = np.zeros((horizon, known.shape[1]))
    if ahead is not None and horizon:
        coming[:, series.past.shape[1] :] = ahead[:horizon]
    return np.concatenate([known, coming])
