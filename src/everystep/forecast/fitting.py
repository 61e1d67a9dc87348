"""Fit a forecaster: Model 2 in closed form, then the recurrent path by gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from everystep.data import Panel
from everystep.errors import DataError
from everystep.forecast.batches import WindowBatches, batch_size_for
from everystep.forecast.calibration import band_factor
from everystep.forecast.convincing import gain_in_errors, why_not
from everystep.forecast.fitted import Fitted, scaled_forecast
from everystep.forecast.loss import forecast_loss
from everystep.forecast.model import RecurrentForecaster
from everystep.forecast.parts import train_windows, valid_windows
from everystep.forecast.results import Curves
from everystep.forecast.rows import Rows, rows_of
from everystep.forecast.scaling import fit_scaling
from everystep.forecast.search import MOST_VALID, choose_shape
from everystep.forecast.settings import ForecastSettings
from everystep.forecast.split import Split, split_by_date, split_by_share
from everystep.forecast.start import Start, predict_start
from everystep.forecast.windows import Windows
from everystep.train import Run, Settings, Trained, train
from everystep.train.threads import one_thread

Array = NDArray[Any]

MANY_WINDOWS = 10_000


@dataclass(frozen=True)
class Validation:
    """Validation error beside Model 2's, in units of the rows' scale."""

    mae: float
    rmse: float

    def ratio_to(self, other: Validation) -> float:
        """Give the larger of both ratios: below 1 both errors are lower than the other's."""
        return max(_ratio(self.mae, other.mae), _ratio(self.rmse, other.rmse))


@dataclass(frozen=True)
class Fit:
    """A fitted forecaster, and how it came about.

    Attributes:
        fitted: The forecaster.
        rows: The rows it was fitted on.
        split: Their parts.
        start: Model 2, where training started.
        curves: The loss over training; validation is told relative to Model 2.
        validation: Errors of the forecaster on validation.
        model2: Errors of Model 2 on the same windows.
        trained: How the run went.
        dropped: Why the recurrent path was thrown away; empty where it was kept.
        settings: With everything that was left open filled in.
    """

    fitted: Fitted
    rows: Rows
    split: Split
    start: Start
    curves: Curves
    validation: Validation
    model2: Validation
    trained: Trained
    dropped: str
    settings: Mapping[str, Any]


@one_thread()
def fit_forecaster(
    panel: Panel,
    settings: ForecastSettings,
    *,
    test: int | None = None,
    run: Run | None = None,
    progress: str = "auto",
) -> Fit:
    """Fit a forecaster on the training part of a panel and choose its weights on the validation part.

    Args:
        panel: The checked series.
        settings: How to fit.
        test: Values of each series to hold back for the test instead of a share; only without dates in the settings.
        run: Where to keep the training run; None keeps it in memory.
        progress: ``"auto"``, ``"plain"`` or ``"quiet"``.

    Returns:
        The fit.

    Raises:
        DataError: The series are too short for the horizon.
    """
    rows = rows_of(panel)
    split = split_of(panel, rows, settings, test)
    scaling = fit_scaling(rows, split.train, panel.schema.season)
    shape, start = choose_shape(rows, scaling, split, _sizes(panel), settings)
    training = train_windows(rows, scaling, shape, split)
    validating = valid_windows(rows, scaling, shape, split, MOST_VALID)
    if not len(validating) or not len(training):
        raise DataError("forecast: no window of training or validation holds a whole horizon; give a shorter horizon.")
    hidden = settings.hidden or (64 if len(training) >= MANY_WINDOWS else 32)
    batch_size = settings.batch_size or batch_size_for(len(training))
    model = _model(shape, settings, hidden, start)
    batches = WindowBatches(training, batch_size, settings.seed)
    model2 = _errors(scaled_forecast(model, validating), validating)
    trained, dropped = _with_recurrence(model, start, model2, batches, validating, settings, run=run, progress=progress)
    forecast = scaled_forecast(model, validating)
    factor = band_factor(forecast, _targets(validating))
    model.eval()
    return Fit(
        fitted=Fitted(model, scaling, factor),
        rows=rows,
        split=split,
        start=start,
        curves=_curves(trained, kept=not dropped),
        validation=_errors(forecast, validating),
        model2=model2,
        trained=trained,
        dropped=dropped,
        settings=_told(settings, shape.to_dict(), hidden=hidden, batch_size=batch_size, ridge=start.strength),
    )


def _with_recurrence(
    model: RecurrentForecaster,
    start: Start,
    model2: Validation,
    batches: WindowBatches,
    validating: Windows,
    settings: ForecastSettings,
    **where: Any,
) -> tuple[Trained, str]:
    """Train the recurrent path; where it earns nothing, put Model 2 back and say why."""
    untrained = {name: value.clone() for name, value in model.state_dict().items()}

    def validate(module: Any) -> float:
        return _errors(scaled_forecast(module, validating), validating).ratio_to(model2)

    trained = train(model, forecast_loss, batches, _train_settings(settings, len(batches)), validate=validate, **where)
    before = predict_start(start, validating) - _targets(validating)
    after = scaled_forecast(model, validating)[..., 1] - _targets(validating)
    dropped = why_not(trained.best_validation or 0.0, *gain_in_errors(before, after, validating))
    if dropped:
        model.load_state_dict(untrained)
    return trained, dropped


def split_of(panel: Panel, rows: Rows, settings: ForecastSettings, test: int | None = None) -> Split:
    """Cut the rows by the two times of the settings, or by shares where there are none."""
    if settings.valid_from is None:
        return split_by_share(rows, panel.schema.horizon, test)
    return split_by_date(panel, rows, settings.valid_from, settings.test_from, panel.schema.horizon)


def _sizes(panel: Panel) -> dict[str, int]:
    schema = panel.schema
    return {
        "horizon": schema.horizon,
        "season": schema.season,
        "past": len(schema.past_features),
        "future": len(schema.future_features),
        "static": len(schema.static_features),
    }


def _model(shape: Any, settings: ForecastSettings, hidden: int, start: Start) -> RecurrentForecaster:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = RecurrentForecaster(shape, settings.cell, hidden)
    start.put_into(model)
    return model


def _train_settings(settings: ForecastSettings, steps: int) -> Settings:
    return Settings(
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        schedule="cosine",
        warmup_steps=min(20, steps),
        patience=settings.patience,
        seed=settings.seed,
    )


def _errors(forecast: Array, windows: Windows) -> Validation:
    error = forecast[..., 1] - _targets(windows)
    return Validation(float(np.abs(error).mean()), float(np.sqrt(np.square(error).mean())))


def _targets(windows: Windows) -> Any:
    return (windows.truth() - windows.reference[:, None]) / windows.unit[:, None]


def _curves(trained: Trained, *, kept: bool) -> Curves:
    history = trained.history
    return Curves(
        epochs=np.array([0, *(epoch.number for epoch in history)]),
        train=np.array([np.nan, *(epoch.loss for epoch in history)]),
        validation=np.array([1.0, *(np.nan if e.validation is None else e.validation for e in history)]),
        best=(trained.best_epoch or 0) if kept else 0,
        start=1.0,
    )


def _told(settings: ForecastSettings, shape: dict[str, Any], **chosen: Any) -> dict[str, Any]:
    return {**settings.to_dict(), **shape, **chosen}


def _ratio(value: float, other: float) -> float:
    return value / other if other > 0 else 1.0 + value


def parameters_count(model: torch.nn.Module) -> int:
    """Count the numbers of a model, those of its linear path included."""
    return sum(p.numel() for p in model.parameters())
