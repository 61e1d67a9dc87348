"""Where training starts: Model 2 in closed form, with window, centre and ridge chosen on validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from everystep.baselines.ridge import fit_ridge
from everystep.forecast.covariates import without_effect
from everystep.forecast.model import RecurrentForecaster
from everystep.forecast.windows import Windows, in_float64

Array = NDArray[Any]

STRENGTHS = (0.0, *(10.0**e for e in range(-8, 5)))  # the largest leave nothing but the centre


@dataclass(frozen=True)
class Start:
    """Model 2 for one shape.

    Attributes:
        weight: (horizon, window).
        bias: (horizon,).
        regression: (future,) effect of the columns known ahead.
        residuals: (n, horizon) errors on the training windows, in units of the rows' scale.
        valid_errors: (m, horizon) errors on the validation windows.
        mae: Mean absolute error on validation, in the same units.
        rmse: Root of the mean squared error on validation.
        strength: The ridge strength that was chosen.
    """

    weight: Tensor
    bias: Tensor
    regression: Tensor
    residuals: Tensor
    valid_errors: Tensor
    mae: float
    rmse: float
    strength: float

    @property
    def badness(self) -> float:
        """What shapes are compared by: the geometric mean of both errors."""
        return float(np.sqrt(self.mae * self.rmse))

    def put_into(self, model: RecurrentForecaster) -> None:
        """Start a model here: its linear path becomes Model 2, its band Model 2's own errors."""
        low, high = torch.quantile(self.residuals, torch.tensor([0.1, 0.9], dtype=self.residuals.dtype), dim=0)
        widths = torch.stack([-low, high]).clamp(min=0.01)
        with torch.no_grad():
            model.linear.weight.copy_(self.weight)
            model.linear.bias.copy_(self.bias)
            model.regression.copy_(self.regression)
            model.widths.copy_(torch.log(torch.expm1(widths)))


def fit_start(train: Windows, valid: Windows) -> Start:
    """Solve Model 2 on training windows, with the ridge that predicts the validation windows best.

    Args:
        train: Training windows, one or more.
        valid: Validation windows of the same shape, one or more.

    Returns:
        The start.
    """
    plain = _solve(train, valid, torch.zeros(train.shape.future, dtype=torch.float64))
    if not train.shape.future:
        return plain
    return min(plain, _solve(train, valid, _regression(train)), key=lambda start: start.badness)


def predict_start(start: Start, windows: Windows) -> Array:
    """Forecast with Model 2, (n, horizon) float64, in units of the rows' scale."""
    parts = [np.zeros((0, windows.shape.horizon))]
    for which in np.array_split(np.arange(len(windows)), 1 + len(windows) // 4096):
        values, centre = without_effect(in_float64(windows.read(which)), start.regression, windows.shape)
        parts.append((centre + values @ start.weight.T + start.bias).numpy())
    return np.concatenate(parts)


def _solve(train: Windows, valid: Windows, regression: Tensor) -> Start:
    X, Y = _design(train, regression)
    X_valid, Y_valid = _design(valid, regression)
    ridge = fit_ridge(X, Y, X_valid, Y_valid, STRENGTHS)
    error = ridge(X_valid) - Y_valid
    return Start(
        weight=ridge.coefficients[:-1].T,
        bias=ridge.coefficients[-1],
        regression=regression,
        residuals=(Y - ridge(X))[:: 1 + len(X) // 2000],
        valid_errors=error,
        mae=float(error.abs().mean()),
        rmse=float(error.square().mean().sqrt()),
        strength=ridge.strength,
    )


def _design(windows: Windows, regression: Tensor) -> tuple[Tensor, Tensor]:
    """Give the values of every window beside a one, (n, window + 1), and what is to be told of them, (n, horizon)."""
    parts = []
    for which in np.array_split(np.arange(len(windows)), 1 + len(windows) // 4096):
        window = in_float64(windows.read(which))
        values, centre = without_effect(window, regression, windows.shape)
        parts.append((torch.cat([values, torch.ones_like(values[:, :1])], dim=1), window.target - centre))
    X, Y = zip(*parts, strict=True)
    return torch.cat(X), torch.cat(Y)


def _regression(train: Windows) -> Tensor:
    """Regress what is new in the next value on what is new in the next columns (Frisch and Waugh, 1933).

    "New" is what the window's values do not foretell, so that a season shared by both is no effect.
    """
    window = in_float64(train.read(np.arange(len(train))[:: 1 + len(train) // 20_000]))
    columns = window.covariates[..., train.shape.past :]
    moves = torch.cat([window.target[:, :1] - window.values[:, -1:], window.ahead[:, 0] - columns[:, -1]], dim=1)
    X = torch.cat([window.values - window.values[:, -1:], torch.ones_like(moves[:, :1])], dim=1)
    new = moves - fit_ridge(X, moves, X, moves, [1e-4])(X)
    return torch.linalg.lstsq(new[:, 1:], new[:, :1], driver="gelsd").solution[:, 0]
