"""Put together what a fit leaves behind for people to read."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from everystep.data import Panel
from everystep.errors import counted
from everystep.forecast.answer import forecast_ahead
from everystep.forecast.fitting import Fit
from everystep.forecast.judging import MOST_FANS, SHOWN_HISTORY
from everystep.forecast.parts import last_windows
from everystep.forecast.results import Evaluation, Fan, FitResult, GateView

Array = NDArray[Any]


def outcome(fit: Fit, panel: Panel, evaluation: Evaluation, title: str, seconds: float) -> FitResult:
    """Gather everything that a report of a fit needs.

    Args:
        fit: The fit.
        panel: The series it was made on.
        evaluation: Its judgement on the held-back tail.
        title: What was forecast.
        seconds: Wall-clock time of the whole fit.

    Returns:
        The result. Where columns are known ahead, it holds no forecast of the future, since they are not known yet.
    """
    model = fit.fitted.model
    return FitResult(
        title=title,
        settings=told_settings(fit, panel),
        notes=(*panel.notes, *short_notes(fit), *path_notes(fit, panel)),
        evaluation=evaluation,
        curves=fit.curves,
        gates=gate_view(fit, panel),
        future=() if panel.schema.future else future_fans(fit, panel),
        cell=model.cell,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        seconds=seconds,
    )


def short_notes(fit: Fit) -> tuple[str, ...]:
    """Say how many series were too short to learn from."""
    short = len(np.unique(fit.rows.series[fit.split.valid == 0]))
    of_all = f"{counted(short, 'series', 'series')} of {len(np.unique(fit.rows.series)):,}"
    return (f"Too short to train on or to be judged by, and forecast all the same: {of_all}.",) if short else ()


def path_notes(fit: Fit, panel: Panel) -> tuple[str, ...]:
    """Say whether the recurrent path was kept, and what goes with it."""
    if not fit.dropped:
        relative = fit.validation.ratio_to(fit.model2)
        return (f"The recurrent path was kept: validation error is {1 - relative:.1%} below Model 2's.",)
    left_out = f"The recurrent path was left out, so the forecasts are Model 2's: {fit.dropped}."
    schema, read_ahead = panel.schema, bool(fit.fitted.model.regression.any())
    idle = (*schema.past, *(() if read_ahead else schema.future), *schema.static)
    return (left_out, f"So these columns have no effect on the forecasts: {', '.join(idle)}.") if idle else (left_out,)


def told_settings(fit: Fit, panel: Panel) -> dict[str, Any]:
    """Name every setting that the model ended up with, in the order to show them."""
    schema, told = panel.schema, fit.settings
    columns = {"time": schema.time, "target": ", ".join(schema.targets), "id": schema.id, "freq": str(schema.freq)}
    lists = {name: ", ".join(getattr(schema, name)) for name in ("past", "future", "static")}
    sizes = {name: told[name] for name in ("horizon", "season", "window", "segment", "centre")}
    others = {name: value for name, value in told.items() if name not in {*sizes, *lists}}
    values = {**columns, **lists, **sizes, **others}
    return {name: value for name, value in values.items() if value not in (None, "")}


def gate_view(fit: Fit, panel: Panel) -> GateView:
    """Record every tap and state part over the last window of the first row."""
    shape = fit.fitted.shape
    windows = last_windows(fit.rows, fit.fitted.scaling, shape)
    with torch.no_grad():
        record = fit.fitted.model.unroll(_one(fit, panel), record="all").record
    length = shape.steps * shape.segment
    name, target = windows.rows.names[0]
    series = panel.series[windows.rows.series[0]]
    return GateView(
        id=name,
        target=target,
        window_times=series.times[-length:],
        window=windows.rows.row(0)[-length:],
        segment=shape.segment,
        taps={tap: values[:, 0].double().numpy() for tap, values in record.items()},
    )


def future_fans(fit: Fit, panel: Panel) -> tuple[Fan, ...]:
    """Forecast from the end of the first few rows."""
    rows, forecast = forecast_ahead(fit.fitted, panel, None)
    shape, fans = fit.fitted.shape, []
    for number in range(min(len(rows), MOST_FANS)):
        series, (name, target) = panel.series[rows.series[number]], rows.names[number]
        since = -max(SHOWN_HISTORY * shape.horizon, 2 * shape.season)
        fans.append(
            Fan(
                id=name,
                target=target,
                history_times=series.times[since:],
                history=rows.row(number)[since:],
                times=panel.schema.freq.after(series.times[-1], shape.horizon),
                truth=None,
                low=forecast[number, :, 0],
                median=forecast[number, :, 1],
                high=forecast[number, :, 2],
            )
        )
    return tuple(fans)


def _one(fit: Fit, panel: Panel) -> Any:
    """Read the last window of the first row; what lies ahead of it is left at zero."""
    from everystep.forecast.rows import rows_of

    rows = rows_of(panel, None, fit.fitted.shape.horizon)
    windows = last_windows(rows, fit.fitted.scaling, fit.fitted.shape)
    return windows.read(np.array([0]))
