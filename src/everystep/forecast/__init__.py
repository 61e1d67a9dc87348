"""Forecasting: a recurrent path added to Model 2, judged beside simpler methods."""

from __future__ import annotations

from everystep.forecast.forecaster import Forecaster
from everystep.forecast.model import RecurrentForecaster
from everystep.forecast.results import Curves, Evaluation, Fan, FitResult, GateView, Score
from everystep.forecast.settings import ForecastSettings
from everystep.forecast.shape import Shape

__all__ = [
    "Curves",
    "Evaluation",
    "Fan",
    "FitResult",
    "ForecastSettings",
    "Forecaster",
    "GateView",
    "RecurrentForecaster",
    "Score",
    "Shape",
]
