"""Theta and exponential smoothing, by statsmodels, fitted to each series by itself."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from everystep.errors import MissingExtraError
from everystep.forecast.task import Clock, Task, history

Array = NDArray[Any]

MOST_VALUES = 1_000  # of the history of a long series: both methods forget what is older
MOST_SEASONS = 12


def theta(task: Task, clock: Clock) -> Array:
    """Forecast by the Theta method, fitted anew at every origin (Assimakopoulos and Nikolopoulos, 2000).

    The width of its band is taken from the first origin of each series, since it costs ten times the forecast.
    """
    model = _statsmodels("statsmodels.tsa.forecasting.theta").ThetaModel
    widths: dict[int, Array] = {}

    def forecast(values: Array, row: int) -> Array:
        period = task.season if len(values) >= 2 * task.season and task.season > 1 else None
        offset = _level(values)
        fitted = model(values - offset, period=period, deseasonalize=period is not None, method="additive").fit()
        point = np.asarray(fitted.forecast(task.horizon))
        if row not in widths:
            widths[row] = np.asarray(fitted.prediction_intervals(task.horizon, alpha=0.2)) - point[:, None]
        return offset + _ordered(point + widths[row][:, 0], point, point + widths[row][:, 1])

    return _at_every_origin(task, clock, forecast)


def ets(task: Task, clock: Clock) -> Array:
    """Forecast by exponential smoothing with a damped trend and additive seasons.

    Its parameters are fitted once for each series, before its test part; at every origin it has smoothed all that
    is known by then (Hyndman et al., Forecasting with exponential smoothing, 2008).
    """
    module = _statsmodels("statsmodels.tsa.exponential_smoothing.ets")
    parameters: dict[int, Array] = {}

    def build(values: Array) -> Any:
        seasonal = 1 < task.season <= len(values) // 2 and len(values) >= 10 + 2 * (task.season // 2)
        return module.ETSModel(
            _series(values),
            error="add",
            trend="add",
            damped_trend=True,
            seasonal="add" if seasonal else None,
            seasonal_periods=task.season if seasonal else None,
            initialization_method="heuristic" if len(values) >= 10 else "estimated",
        )

    def forecast(values: Array, row: int) -> Array:
        offset = _level(values)
        if row not in parameters:
            known = task.rows.row(row)[: task.before_test[row]][-_most(task) :]
            parameters[row] = build(known - _level(known)).fit(disp=0, callback=clock.check).params
        smoothed = build(values - offset).smooth(parameters[row])
        count = len(values)
        ahead = smoothed.get_prediction(start=count, end=count + task.horizon - 1)
        edges = np.asarray(ahead.pred_int(alpha=0.2))
        return offset + _ordered(edges[:, 0], np.asarray(ahead.predicted_mean), edges[:, 1])

    return _at_every_origin(task, clock, forecast)


def _at_every_origin(task: Task, clock: Clock, forecast: Callable[[Array, int], Array]) -> Array:
    result = np.empty((len(task.test), task.horizon, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # statsmodels warns of every fit that stops early
        for number in range(len(task.test)):
            clock.check()
            result[number] = forecast(history(task.test, number, _most(task)), int(task.test.row[number]))
    return result


def _most(task: Task) -> int:
    return max(MOST_VALUES // 4, min(MOST_VALUES, MOST_SEASONS * task.season))


def _level(values: Array) -> float:
    # Both methods move with their series; a large offset only costs them digits.
    return float(values[-1])


def _ordered(low: Array, point: Array, high: Array) -> Array:
    return np.stack([np.fmin(low, point), point, np.fmax(high, point)], axis=-1)


def _series(values: Array) -> Any:
    import pandas as pd

    return pd.Series(values)


def _statsmodels(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "forecast: Theta and ETS come from statsmodels, which is not installed: pip install statsmodels."
        ) from error
