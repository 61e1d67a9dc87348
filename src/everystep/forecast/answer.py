"""The forecast as a frame of the caller's kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from everystep.data import Panel, forecast_frame, read_future
from everystep.errors import ArgumentError
from everystep.forecast.fitted import Fitted
from everystep.forecast.parts import last_windows
from everystep.forecast.rows import Rows, rows_of

Array = NDArray[Any]

COLUMNS = ("everystep-lo-80", "everystep", "everystep-hi-80")
ORDER = (1, 0, 2)  # the point forecast first


def columns_ahead(panel: Panel, future: Any, steps: int) -> dict[str, Array] | None:
    """Read the columns known ahead for the next steps, ``{id: (horizon, future)}``; None without such columns.

    Args:
        panel: What is known.
        future: A frame or a path with every step and series.
        steps: Steps to forecast; beyond them, to the horizon, the last row is repeated, and no forecast looks there.

    Raises:
        ArgumentError: ``future`` is missing.
        DataError: It lacks a column, a series or a step.
    """
    columns = panel.schema.future
    if not columns:
        return None
    if future is None:
        raise ArgumentError(
            f"Forecaster: the model was fitted with columns known ahead ({', '.join(columns)}); expected their "
            f"values for the next {steps} steps: give future= (on the command line: --future-data)."
        )
    given = read_future(future, panel.schema, {series.id: series.times[-1] for series in panel.series}, steps)
    missing = panel.schema.horizon - steps
    return {name: np.pad(values, ((0, missing), (0, 0)), mode="edge") for name, values in given.items()}


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

    With several targets there is one block of rows for each, named in a further column ``target``.

    Args:
        rows: The rows that were forecast.
        forecast: (rows, steps, 3).
        panel: What is known.
        like: The frame whose kind the answer takes.

    Returns:
        The frame, series after series in the order of the panel, in each target after target.
    """
    steps = forecast.shape[1]
    ends = [panel.series[place].times[-1] for place in rows.series]
    times = np.concatenate([panel.schema.freq.after(end, steps) for end in ends])
    return long_frame(rows, np.arange(len(rows)), times, {}, forecast, panel, like)


def long_frame(  # noqa: PLR0917
    rows: Rows, which: Array, times: Array, further: Mapping[str, Array], forecast: Array, panel: Panel, like: Any
) -> Any:
    """Lay out forecasts one after another.

    Args:
        rows: The rows.
        which: (n,) the row of each forecast.
        times: (n * steps,) the times that were forecast.
        further: Columns to put before the forecasts, each (n * steps,).
        forecast: (n, steps, 3).
        panel: What is known.
        like: The frame whose kind the answer takes.
    """
    steps = forecast.shape[1]
    names = np.array(rows.names)[which]  # (n, 2)  id and target
    columns = {COLUMNS[i]: forecast[..., i].ravel() for i in ORDER}
    several = {"target": np.repeat(names[:, 1], steps)} if len(panel.schema.targets) > 1 else {}
    ids = np.repeat(names[:, 0], steps)
    return forecast_frame(ids, times, {**several, **further, **columns}, schema=panel.schema, like=like)
