"""A fitted forecaster: the module, and the numbers that turn its output into the units of the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from everystep.forecast.calibration import widened
from everystep.forecast.model import RecurrentForecaster
from everystep.forecast.scaling import Scaling
from everystep.forecast.shape import Shape
from everystep.forecast.windows import Windows

Array = NDArray[Any]

BATCH = 512


@dataclass
class Fitted:
    """What forecasting needs.

    Attributes:
        model: The module.
        scaling: Learned from the training part.
        factor: (horizon,) by which the band is widened.
    """

    model: RecurrentForecaster
    scaling: Scaling
    factor: Array

    @property
    def shape(self) -> Shape:
        """The sizes of the model."""
        return self.model.shape

    def forecast(self, windows: Windows) -> Array:
        """Forecast in the units of the data: (n, horizon, 3), the 10% quantile, the point and the 90% quantile."""
        return windows.restore(widened(scaled_forecast(self.model, windows), self.factor))


def scaled_forecast(model: RecurrentForecaster, windows: Windows) -> Array:
    """Forecast in units of the rows' scale, before calibration: (n, horizon, 3) float64."""
    was_training = model.training
    model.eval()
    with torch.no_grad():
        parts = [model(windows.read(which)).double().numpy() for which in in_batches(len(windows))]
    model.train(was_training)
    return np.concatenate(parts) if parts else np.zeros((0, model.shape.horizon, 3))


def in_batches(count: int) -> list[Array]:
    """Cut the numbers 0 ... count - 1 into batches."""
    return [np.arange(a, min(a + BATCH, count)) for a in range(0, count, BATCH)]
