"""The figures of the table, by utilsforecast."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from everystep.errors import MissingExtraError
from everystep.forecast.loss import QUANTILES
from everystep.forecast.task import Task

Array = NDArray[Any]


def figures(forecast: Array, task: Task) -> dict[str, Any]:
    """Judge one method's forecasts on the test windows.

    Each figure is the mean over the rows, as utilsforecast gives it for each; a row whose past repeats itself
    exactly has no MASE and is left out of its mean.

    Args:
        forecast: (n, horizon, 3), the 10% quantile, the point forecast and the 90% quantile.
        task: What was asked.

    Returns:
        mae, rmse, mase, smape (0 to 1), quantile_loss and coverage.

    Source:
        Hyndman and Koehler, Another look at measures of forecast accuracy, 2006 (MASE).
    """
    losses = _losses()
    frame = _frame(forecast, task)
    model, edges = "everystep", ["everystep-lo-80", "everystep", "everystep-hi-80"]
    pinball = [losses.quantile_loss(frame, {model: c}, q=q) for c, q in zip(edges, QUANTILES, strict=True)]
    tables = {
        "mae": losses.mae(frame, [model]),
        "rmse": losses.rmse(frame, [model]),
        "mase": losses.mase(frame, [model], seasonality=_lag(task), train_df=_past(task)),
        "smape": losses.smape(frame, [model]),
        "coverage": losses.coverage(frame, [model], level=80),
    }
    result = {name: _mean(table[model].to_numpy()) for name, table in tables.items()}
    return result | {"quantile_loss": float(np.mean([_mean(table[model].to_numpy()) for table in pinball]))}


def error_by_step(forecast: Array, task: Task) -> tuple[float, ...]:
    """Give the mean absolute error at each step ahead, (horizon,)."""
    error = np.abs(forecast[..., 1] - task.test.truth())
    return tuple(float(e) for e in error.mean(axis=0))


def _lag(task: Task) -> int:
    judged = task.before_test[task.before_test > 0]
    return task.season if judged.min() > task.season else 1


def _frame(forecast: Array, task: Task) -> Any:
    import pandas as pd

    count, horizon, _ = forecast.shape
    values = forecast.reshape(count * horizon, 3).T
    columns = dict(zip(("everystep-lo-80", "everystep", "everystep-hi-80"), values, strict=True))
    row = np.repeat(task.test.row, horizon)
    return pd.DataFrame({"unique_id": row, "y": task.test.truth().ravel(), **columns})


def _past(task: Task) -> Any:
    import pandas as pd

    judged = np.unique(task.test.row)
    parts = [task.rows.row(r)[: task.before_test[r]] for r in judged]
    row = np.repeat(judged, [len(part) for part in parts])
    return pd.DataFrame({"unique_id": row, "y": np.concatenate(parts)})


def _mean(values: Array) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def _losses() -> Any:
    try:
        from utilsforecast import losses
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "forecast: the figures come from utilsforecast, which is not installed: pip install utilsforecast."
        ) from error
    return losses
