"""What training lowers: a robust squared error of the point forecast, and the pinball loss of the band."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.forecast.model import RecurrentForecaster
from everystep.forecast.windows import Window

QUANTILES = (0.1, 0.5, 0.9)


def forecast_loss(model: RecurrentForecaster, window: Window) -> Tensor:
    """Give the loss of a batch: Huber's of the point forecast plus the pinball losses of the two edges.

    The edges are judged around the point forecast as it is: a wider band can't buy a worse point.

    Source:
        Huber, Robust estimation of a location parameter, 1964; Koenker and Bassett, Regression quantiles, 1978.
    """
    forecast = model(window)
    point = forecast[..., 1]
    edges = sum(pinball(forecast[..., i] - point + point.detach(), window.target, QUANTILES[i]) for i in (0, 2))
    return F.smooth_l1_loss(point, window.target) + edges


def pinball(forecast: Tensor, target: Tensor, quantile: float) -> Tensor:
    """Give the mean pinball loss, least where ``quantile`` of the targets lie below the forecast."""
    error = target - forecast
    return torch.maximum(quantile * error, (quantile - 1) * error).mean()
