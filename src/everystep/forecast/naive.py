"""Methods without parameters: the last value, the last season, and the last season carried along a drift."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from everystep.forecast.task import Clock, Task, with_band
from everystep.forecast.windows import Windows

Array = NDArray[Any]


def last_value(task: Task, _: Clock) -> Array:
    """Forecast the last value for every step."""
    return with_band(_seasonal(task.test, 1), _seasonal(task.valid, 1), task)


def seasonal_naive(task: Task, _: Clock) -> Array:
    """Forecast the value one season before."""
    return with_band(_seasonal(task.test, task.season), _seasonal(task.valid, task.season), task)


def seasonal_naive_with_drift(task: Task, _: Clock) -> Array:
    """Forecast the value one season before, moved on by the mean step of the whole history."""
    season = task.season
    return with_band(_drifting(task.test, season), _drifting(task.valid, season), task)


def _seasonal(windows: Windows, season: int) -> Array:
    steps = np.arange(windows.shape.horizon) % season + 1 - season
    place = np.maximum(windows.last[:, None] + steps, 0)
    return windows.rows.values[windows.rows.first[windows.row, None] + place]


def _drifting(windows: Windows, season: int) -> Array:
    start = windows.rows.values[windows.rows.first[windows.row]]
    end = windows.rows.values[windows.rows.first[windows.row] + windows.last]
    slope = (end - start) / np.maximum(windows.last, 1)
    ahead = np.arange(windows.shape.horizon)
    passed = season * (1 + ahead // season)  # steps between a forecast and the value it repeats
    return _seasonal(windows, season) + slope[:, None] * passed
