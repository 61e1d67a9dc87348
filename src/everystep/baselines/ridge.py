"""Ridge regression with its strength chosen on rows held apart: the linear algebra of Model 2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from everystep.baselines.triangle import Array, triangle
from everystep.errors import ArgumentError, DataError, ShapeError

STRENGTHS = (0.0, *(10.0**e for e in range(-10, 3)))
"""Ridge strengths tried by default, as shares of the mean square of a feature's column."""

BLOCK_ROWS = 8192


@dataclass(frozen=True)
class Ridge:
    """A linear map without intercept, and how it was chosen.

    Attributes:
        coefficients: (features, outputs), float64.
        strength: The strength that was chosen; 0 is plain least squares.
        valid_mse: Mean squared error on the validation rows, one for each strength tried.
    """

    coefficients: Tensor
    strength: float
    valid_mse: dict[float, float]

    def __call__(self, X: Tensor) -> Tensor:
        """Predict: (rows, features) to (rows, outputs), in the dtype of X; whole numbers become floating ones."""
        X = as_floating(X)
        return X @ self.coefficients.to(X)


def fit_ridge(X: Tensor, Y: Tensor, X_valid: Tensor, Y_valid: Tensor, strengths: Sequence[float] = STRENGTHS) -> Ridge:
    r"""Fit :math:`\min_A |XA - Y|^2 + \lambda |A|^2`, with λ the strength that predicts ``X_valid`` best.

    There is no intercept: centre X and Y, or give X a column of ones. One strength serves all outputs. The fit is
    made in float64 whatever the dtype, from one triangular factor and one SVD for all strengths; rows are read in
    blocks, so X may be a strided view (windows of a series) much larger than memory would hold.

    Args:
        X: (rows, features).
        Y: (rows, outputs).
        X_valid: (validation rows, features), used to choose the strength and for nothing else.
        Y_valid: (validation rows, outputs).
        strengths: λ as shares of the mean square length of a column of X, 0 or more; 0 is least squares (the shortest
            solution where many fit). Of equally good ones the smallest is kept.

    Returns:
        The map, the chosen strength, and the validation error of each.

    Raises:
        ShapeError: X and Y do not fit together.
        DataError: A value is NaN or infinite, or there are no rows.
        ArgumentError: A strength is negative, or there is none.

    Example:
        >>> import torch
        >>> from everystep.baselines import fit_ridge
        >>> X = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
        >>> ridge = fit_ridge(X[:150], X[:150].sum(1, keepdim=True), X[150:], X[150:].sum(1, keepdim=True))
        >>> ridge.coefficients.flatten().round(decimals=4)
        tensor([1., 1., 1.], dtype=torch.float64)
    """
    _check(X, Y, X_valid, Y_valid, strengths)
    features = X.shape[1]
    fit, valid = triangle(joined_rows(X, Y)), triangle(joined_rows(X_valid, Y_valid))
    best, solution, errors = choose_strength(fit, valid, features, slice(features, None), strengths)
    scale = X_valid.shape[0] * Y.shape[1]
    valid_mse = {strength: float(error) / scale for strength, error in zip(strengths, errors, strict=True)}
    return Ridge(torch.from_numpy(solution), strengths[best], valid_mse)


def choose_strength(
    fit: Array, valid: Array, features: int, outputs: slice, strengths: Sequence[float]
) -> tuple[int, Array, Array]:
    """Choose among ridge solutions, seen through the triangles of ``[X | Y]`` of two sets of rows.

    Args:
        fit: Triangle of the rows to fit.
        valid: Triangle of the rows to choose on.
        features: How many leading columns are regressors.
        outputs: Which columns are regressed on them.
        strengths: As in ``fit_ridge``.

    Returns:
        Index of the best strength, its solution (features, outputs), and the summed squared error of each strength.
    """
    solutions = ridge_path(fit, features, outputs, strengths)  # (strengths, features, outputs)
    misses = valid[:, :features] @ solutions - valid[:, outputs]
    errors = np.square(misses).sum(axis=(1, 2))
    # Rounding alone must not prefer a strength: what is within 1e-20 of the signal's own energy counts as equal.
    signal = np.square(valid[:, outputs]).sum()
    best = int(np.flatnonzero(errors <= errors.min() + 1e-20 * signal)[0])
    return best, solutions[best], errors


def ridge_path(R: Array, features: int, outputs: slice, strengths: Sequence[float]) -> Array:
    """Solve for every strength from one SVD: (strengths, features, outputs)."""
    U, sizes, Vt = np.linalg.svd(R[:features, :features], full_matrices=False)  # below, R is zero in these columns
    target = U.T @ R[:features, outputs]
    unit = np.square(sizes).sum() / features
    floor = np.finfo(np.float64).eps * max(R.shape) * sizes.max(initial=0.0)
    kept = sizes > floor
    gains = np.zeros((len(strengths), len(sizes)))
    for gain, strength in zip(gains, strengths, strict=True):
        gain[kept] = sizes[kept] / (sizes[kept] ** 2 + strength * unit)
    return Vt.T @ (gains[:, :, None] * target)


def joined_rows(X: Tensor, Y: Tensor) -> Iterator[Array]:
    """Yield ``[X | Y]`` in blocks of float64 rows, and refuse what is not finite."""
    for start in range(0, X.shape[0], BLOCK_ROWS):
        part = slice(start, start + BLOCK_ROWS)
        rows = torch.cat([X[part].detach().double(), Y[part].detach().double()], 1).cpu().numpy()
        if not np.isfinite(rows).all():
            bad = start + int(np.flatnonzero(~np.isfinite(rows).all(1))[0])
            raise DataError(f"ridge: row {bad} holds NaN or infinity; expected finite numbers. Drop or fill such rows.")
        yield rows


def _check(X: Tensor, Y: Tensor, X_valid: Tensor, Y_valid: Tensor, strengths: Sequence[float]) -> None:
    for name, inputs, outputs in (("", X, Y), ("_valid", X_valid, Y_valid)):
        if inputs.ndim != 2 or outputs.ndim != 2 or len(inputs) != len(outputs):
            raise ShapeError(
                f"fit_ridge: X{name} has shape {tuple(inputs.shape)} and Y{name} {tuple(outputs.shape)}; "
                "expected (rows, features) and (rows, outputs) with the same rows."
            )
        if len(inputs) == 0:
            raise DataError(f"fit_ridge: X{name} has no rows; expected at least one.")
    if X.shape[1] != X_valid.shape[1] or Y.shape[1] != Y_valid.shape[1]:
        raise ShapeError(
            f"fit_ridge: X has {X.shape[1]} features and Y {Y.shape[1]} outputs, X_valid {X_valid.shape[1]} and "
            f"Y_valid {Y_valid.shape[1]}; expected the same."
        )
    check_strengths("fit_ridge", strengths)


def check_strengths(who: str, strengths: Sequence[float]) -> None:
    """Refuse strengths that no ridge has."""
    if len(strengths) == 0 or not all(0 <= strength < float("inf") for strength in strengths):
        raise ArgumentError(f"{who}: strengths is {list(strengths)}; expected at least one, each 0 or more.")


def as_floating(x: Tensor) -> Tensor:
    """Give whole numbers as floating ones: coefficients cast to whole numbers would predict nonsense."""
    return x if x.is_floating_point() else x.to(torch.get_default_dtype())
