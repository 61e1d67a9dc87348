"""Model 2 of the notes: a general linear function of the whole past."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from everystep.baselines.ridge import STRENGTHS, as_floating, check_strengths, choose_strength, joined_rows, ridge_path
from everystep.baselines.triangle import Array, triangle
from everystep.errors import ArgumentError, DataError, DTypeError, NotFittedError, ShapeError, counted


class GeneralLinear:
    r"""Model 2: every output a linear function of the whole past, with coefficients of its own at each t.

    .. math:: \hat y(t) = \sum_{k=1}^{t} \alpha_k(t)\, x(k)

    It remembers everything, but what it learnt at one t says nothing about another: parameters grow like T²/2,
    and at a t it was not fitted for there is no α. Each t is a ridge regression of its own, with the strength
    that predicts held-back sequences best; all T of them come from one triangular factorisation, because the regressors
    at t are the first t of those at T.

    Args:
        strengths: Ridge strengths to choose from, as in ``fit_ridge``.

    Attributes:
        alpha: One tensor for each t, (t, input, output), float64; ``alpha[t - 1][k - 1]`` is α_k(t).
        chosen: The ridge strength of each t.

    Example:
        >>> import torch
        >>> from everystep.baselines import GeneralLinear
        >>> x = torch.randn(6, 500, 1, generator=torch.Generator().manual_seed(0))
        >>> model = GeneralLinear().fit(x, x.cumsum(0))
        >>> model.alpha[3].flatten().round(decimals=3)
        tensor([1., 1., 1., 1.], dtype=torch.float64)
        >>> model.parameters_count
        21

    Source: NOTES N5.
    """

    def __init__(self, strengths: Sequence[float] = STRENGTHS) -> None:
        self.strengths = tuple(strengths)
        self.alpha: list[Tensor] = []
        self.chosen: list[float] = []

    @property
    def parameters_count(self) -> int:
        """Count the numbers that were fitted: input · output · T(T+1)/2."""
        return sum(alpha.numel() for alpha in self.alpha)

    def fit(self, x: Tensor, y: Tensor) -> GeneralLinear:
        """Fit α(t) for t = 1 … T by least squares with ridge.

        Every fifth sequence is held back to choose the strength at each t; then α is fitted to all of them.

        Args:
            x: (T, B, input), B at least 2: one sequence alone shows each t only once.
            y: (T, B, output).

        Returns:
            The model itself.

        Raises:
            ShapeError: x and y do not have three axes with the same T and B.
            DataError: There are fewer than two sequences, or no step, or a value is not finite.
            ArgumentError: A strength is negative, or there is none.
        """
        _check(x, y)
        check_strengths("GeneralLinear", self.strengths)
        inputs, outputs = x.shape[2], y.shape[2]
        X, Y = x.transpose(0, 1).flatten(1), y.transpose(0, 1).flatten(1)  # (B, T input), (B, T output)
        held = torch.arange(X.shape[0], device=x.device) % 5 == 1
        fit, valid = triangle(joined_rows(X[~held], Y[~held])), triangle(joined_rows(X[held], Y[held]))
        every = triangle([fit, valid])
        self.alpha, self.chosen = [], []
        for t in range(1, x.shape[0] + 1):
            columns = slice(X.shape[1] + (t - 1) * outputs, X.shape[1] + t * outputs)
            self._fit_one(fit, valid, every, t * inputs, columns, (t, inputs, outputs))
        return self

    def _fit_one(
        self, fit: Array, valid: Array, every: Array, features: int, columns: slice, shape: tuple[int, int, int]
    ) -> None:
        best, _, _ = choose_strength(fit, valid, features, columns, self.strengths)
        strength = self.strengths[best]
        solution = ridge_path(every, features, columns, [strength])[0]
        self.alpha.append(torch.from_numpy(np.ascontiguousarray(solution)).reshape(shape))
        self.chosen.append(strength)

    def predict(self, x: Tensor) -> Tensor:
        """Predict from the past of each step.

        Args:
            x: (T, B, input), T at most what was fitted.

        Returns:
            ŷ, (T, B, output), of x's dtype; whole numbers become floating ones.

        Raises:
            NotFittedError: ``fit`` was not called.
            ArgumentError: x is longer than what was fitted: no α exists for those t.
            ShapeError: x has another number of axes or features.
        """
        if not self.alpha:
            raise NotFittedError("GeneralLinear: predict was called before fit; call fit(x, y) first.")
        _check_tensor("x", x)
        x = as_floating(x)
        known, inputs, outputs = self.alpha[-1].shape
        if x.ndim != 3 or x.shape[2] != inputs:
            raise ShapeError(f"GeneralLinear: x has shape {tuple(x.shape)}; expected (time, batch, input={inputs}).")
        if x.shape[0] > known:
            raise ArgumentError(
                f"GeneralLinear: x has {x.shape[0]} steps, and the model was fitted for t = 1 to {known}: there is no "
                f"alpha for t = {known + 1} and beyond. Fit it on sequences that long, or use a recurrent model, whose "
                "parameters serve every t."
            )
        steps = [_weighted_past(x[: t + 1], self.alpha[t].to(x)) for t in range(x.shape[0])]
        return torch.stack(steps) if steps else x.new_zeros(0, x.shape[1], outputs)

    __call__ = predict


def _weighted_past(past: Tensor, alpha: Tensor) -> Tensor:
    return torch.einsum("kbi,kio->bo", past, alpha)  # (batch, output)


def _check_tensor(name: str, value: object) -> None:
    if not isinstance(value, Tensor):
        raise DTypeError(f"GeneralLinear: {name} is a {type(value).__name__}; expected a tensor.")


def _check_finite(name: str, values: Tensor) -> None:
    bad = (~values.isfinite()).nonzero()
    if len(bad):
        t, b, i = bad[0].tolist()
        raise DataError(
            f"GeneralLinear: {name} holds {values[t, b, i].item()} at step {t} of sequence {b}, feature {i}; expected "
            "finite numbers. Drop or fill such sequences."
        )


def _check(x: Tensor, y: Tensor) -> None:
    _check_tensor("x", x)
    _check_tensor("y", y)
    if x.ndim != 3 or y.ndim != 3 or x.shape[:2] != y.shape[:2]:
        raise ShapeError(
            f"GeneralLinear: x has shape {tuple(x.shape)} and y {tuple(y.shape)}; expected (time, batch, input) and "
            "(time, batch, output) with the same time and batch."
        )
    if x.shape[2] == 0 or y.shape[2] == 0:
        raise ShapeError(
            f"GeneralLinear: x has {counted(x.shape[2], 'feature')} and y {counted(y.shape[2], 'output')}; "
            "expected 1 or more of each."
        )
    if x.shape[0] == 0 or x.shape[1] < 2:
        raise DataError(
            f"GeneralLinear: x has {counted(x.shape[0], 'step')} of {counted(x.shape[1], 'sequence')}; expected "
            "at least 1 step of 2 sequences, since every t has an alpha of its own, and one sequence shows each t "
            "once. Cut a long series into windows."
        )
    _check_finite("x", x)
    _check_finite("y", y)
