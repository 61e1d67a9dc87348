"""The forecast as a frame of the caller's kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from everystep.data import Panel, forecast_frame
from everystep.forecast.fitted import Fitted
from everystep.forecast.parts import last_windows
from everystep.forecast.rows import Rows, rows_of

Array = NDArray[Any]

COLUMNS = ("everystep-lo-80", "everystep", "everystep-hi-80")
ORDER = (1, 0, 2)  # the point forecast first


def forecast_ahead(fitted: Fitted, panel: Panel, ahead: Mapping[str, Array] | None) -> tuple[Rows, Array]:
    """Forecast from the end of every series.

    Args:
        fitted: The forecaster.
        panel: What is known.
        ahead: What is known of the future columns, ``{id: (horizon, future)}``.

    Returns:
        The rows, and their forecasts (rows, horizon, 3).
    """
    rows = rows_of(panel, ahead, fitted.shape.horizon)
    scaling = fitted.scaling.of(rows, fitted.shape.season)
    return rows, fitted.forecast(last_windows(rows, scaling, fitted.shape))


def answer(rows: Rows, forecast: Array, panel: Panel, like: Any) -> Any:
    """Build the frame: ``unique_id``, ``ds``, ``everystep``, ``everystep-lo-80``, ``everystep-hi-80``.

    With several targets each has columns of its own, ``everystep-<target>`` and so on, so that a row stays one
    series at one time.

    Args:
        rows: The rows that were forecast.
        forecast: (rows, steps, 3).
        panel: What is known.
        like: The frame whose kind the answer takes.

    Returns:
        The frame, series after series in the order of the panel.
    """
    targets, steps = panel.schema.targets, forecast.shape[1]
    ids = np.repeat([series.id for series in panel.series], steps)
    times = np.concatenate([panel.schema.freq.after(series.times[-1], steps) for series in panel.series])
    by_target = forecast.reshape(len(panel.series), len(targets), steps, 3)
    columns = {
        named(COLUMNS[i], target, targets): by_target[:, number, :, i].ravel()
        for number, target in enumerate(targets)
        for i in ORDER
    }
    return forecast_frame(ids, times, columns, schema=panel.schema, like=like)


def named(column: str, target: str, targets: tuple[str, ...]) -> str:
    """Name the column of one target: ``everystep-lo-80``, or ``everystep-<target>-lo-80`` where there are several."""
    return column if len(targets) == 1 else column.replace("everystep", f"everystep-{target}", 1)
