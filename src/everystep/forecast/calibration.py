"""Widen or narrow the 80% band until it covers 80% of validation, at every step ahead."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LEVEL = 0.8
ENOUGH = 40  # validation windows from which each step ahead is calibrated by itself
NARROWEST, WIDEST = 0.25, 8.0


def band_factor(forecast: Array, truth: Array) -> Array:
    """Give the factor for each step ahead by which the band's two halves are multiplied.

    Split conformal prediction: the factor is the 80% quantile of how many half bands the truth lies away.

    Args:
        forecast: (n, horizon, 3) of validation windows.
        truth: (n, horizon).

    Returns:
        (horizon,) factors, each between 1/4 and 8.

    Source:
        Romano, Patterson and Candès, Conformalized quantile regression, 2019, with a relative score.
    """
    low, point, high = np.moveaxis(forecast, -1, 0)
    half = np.where(truth < point, point - low, high - point)
    away = np.abs(truth - point) / np.maximum(half, np.finfo(np.float64).tiny)
    count, horizon = away.shape
    if count < ENOUGH:
        return np.full(horizon, np.clip(_quantile(away.ravel()), NARROWEST, WIDEST))
    return np.clip([_quantile(away[:, h]) for h in range(horizon)], NARROWEST, WIDEST)


def widened(forecast: Array, factor: Array) -> Array:
    """Multiply both halves of the band (n, horizon, 3) by the factors (horizon,)."""
    point = forecast[..., 1:2]
    return point + (forecast - point) * factor[:, None]


def _quantile(scores: Array) -> float:
    # The finite-sample level of conformal prediction: ceil((n + 1) * 0.8) of n.
    return float(np.quantile(scores, min(1.0, np.ceil((len(scores) + 1) * LEVEL) / len(scores)), method="higher"))
