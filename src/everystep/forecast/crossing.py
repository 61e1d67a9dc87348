"""Rolling origins for the caller: one fit, many forecasts, the truth beside them."""

from __future__ import annotations

from typing import Any

import numpy as np

from everystep.data import Panel
from everystep.errors import ArgumentError, DataError, check_whole
from everystep.forecast.answer import long_frame
from everystep.forecast.fitting import fit_forecaster
from everystep.forecast.settings import ForecastSettings
from everystep.forecast.windows import Windows, origins


def cross_validate(
    panel: Panel, settings: ForecastSettings, windows: int, step: int | None, *, like: Any, progress: str
) -> Any:
    """Fit on what lies before the first origin, forecast from every origin, and put the truth beside it.

    Args:
        panel: The checked series.
        settings: How to fit; its dates are not used.
        windows: Origins, 1 or more.
        step: Steps between two origins; None: the horizon.
        like: The frame whose kind the answer takes.
        progress: ``"auto"``, ``"plain"`` or ``"quiet"``.

    Returns:
        The frame.

    Raises:
        ArgumentError: ``windows`` or ``step`` is not 1 or more.
        DataError: No series is long enough for so many origins.
    """
    horizon = panel.schema.horizon
    step = horizon if step is None else step
    for name, value in (("windows", windows), ("step", step)):
        check_whole("cross_validation", name, value)
    if settings.valid_from is not None:
        raise ArgumentError("cross_validation: the origins are the last ones; leave out valid_from and test_from.")
    fit = fit_forecaster(panel, settings, test=horizon + (windows - 1) * step, progress=progress)
    judged = fit.split.valid > 0
    last = np.where(judged, fit.split.end - horizon - 1, -1)
    row, place = origins(np.where(judged, fit.split.valid - 1, 0), last, step)
    if not len(row):
        raise DataError(f"cross_validation: no series is long enough for {windows} origins {step} steps apart.")
    made = Windows(fit.rows, fit.fitted.scaling, fit.fitted.shape, row, place)
    return _frame(panel, made, fit.fitted.forecast(made), like)


def _frame(panel: Panel, windows: Windows, forecast: Any, like: Any) -> Any:
    places = windows.last[:, None] + np.arange(1, windows.shape.horizon + 1)
    times = [panel.series[place].times for place in windows.rows.series[windows.row]]
    ahead = np.concatenate([t[p] for t, p in zip(times, places, strict=True)])
    cutoff = np.repeat(np.array([t[p] for t, p in zip(times, windows.last, strict=True)]), windows.shape.horizon)
    further = {"cutoff": cutoff, "y": windows.truth().ravel()}
    return long_frame(windows.rows, windows.row, ahead, further, forecast, panel, like)
