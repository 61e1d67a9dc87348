"""Estimate an impulse response from data by regression on the last p inputs and outputs.

A state that was never seen can be read from a few of the outputs that it caused, so that

    y(t) = d + sum_{k=0..p} B_k x(t-k) + sum_{k=1..p} A_k y(t-k)

holds for every linear system once p is large enough, whatever its start and however slow its memory fades: A and B are
the response of a state observer, and the impulse response follows from them by a recursion.

Source: Juang, Phan, Horta and Longman (1993), "Identification of observer/Kalman filter Markov parameters".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from everystep.baselines import triangle

Array = np.ndarray

ROUNDING = 1e-12
"""A residual this small, in units of the outputs' standard deviation, is rounding and not noise."""

BLOCK_ROWS = 8192


@dataclass(frozen=True)
class Observer:
    """The fitted regression on p lags, and how sure it is.

    Attributes:
        coefficients: (1 + input + p (input + output), output), in the order of ``lagged_rows``.
        spread: (coefficients, directions): a standard normal vector times ``spread`` times ``noise`` is one draw
            of the error of the coefficients of one output.
        noise: (output, output), a square root of the residuals' covariance.
        lags: p.
    """

    coefficients: Array
    spread: Array
    noise: Array
    lags: int

    def draws(self, count: int) -> Array:
        """Draw coefficients that the data would have allowed as well: (count, coefficients, output)."""
        normal = np.random.default_rng(0).standard_normal((count, self.spread.shape[1], self.noise.shape[0]))
        return self.coefficients + self.spread @ normal @ self.noise


def lagged_rows(x: Array, y: Array, lags: int) -> Iterator[Array]:
    """Yield blocks of rows ``[1, x(t), x(t-1), y(t-1), x(t-2), y(t-2) ... | y(t)]`` for every t that has its lags.

    The leading columns are those of every smaller number of lags.

    Args:
        x: (T, B, input).
        y: (T, B, output).
        lags: p, at most T - 1.
    """
    T, B, _ = x.shape
    step = max(1, BLOCK_ROWS // B)
    for start in range(lags, T, step):
        stop = min(start + step, T)
        past = [part[start - k : stop - k] for k in range(1, lags + 1) for part in (x, y)]
        rows = np.concatenate([np.ones((stop - start, B, 1)), x[start:stop], *past, y[start:stop]], axis=2)
        yield rows.reshape((stop - start) * B, -1)


def columns_of(lags: int, inputs: int, outputs: int) -> int:
    """Count the regressors of p lags."""
    return 1 + inputs + lags * (inputs + outputs)


def most_lags(T: int, B: int, inputs: int, outputs: int, columns: int = 130) -> tuple[int, bool]:
    """Say how many lags the data allow, with two rows for each regressor, and whether the data were the limit."""
    wanted = max(1, (columns - 1 - inputs) // (inputs + outputs))
    allowed = ((T * B) / 2 - 1 - inputs) / (inputs + outputs + B / 2)  # (T - p) B >= 2 columns_of(p)
    most = int(min(wanted, T - 1, np.floor(allowed)))
    return most, most < wanted


def choose_lags(R: Array, rows: int, most: int, inputs: int, outputs: int) -> tuple[int, bool]:
    """Choose p by the Bayesian information criterion; the triangle of the most lags knows the residual of every p.

    Args:
        R: Triangle of ``lagged_rows(x, y, most)``.
        rows: How many rows it stands for.
        most: The largest p.
        inputs: Features of x.
        outputs: Features of y.

    Returns:
        p, and whether there is noise: whether the residual at p is more than rounding.
    """
    scores, largest = [], []
    for lags in range(most + 1):
        columns = columns_of(lags, inputs, outputs)
        variances = np.linalg.svd(R[columns:, -outputs:], compute_uv=False) ** 2 / rows + ROUNDING**2
        scores.append(rows * np.log(variances).sum() + np.log(rows) * columns * outputs)
        largest.append(variances[0])
    best = int(np.argmin(scores))
    return best, bool(largest[best] > 2 * ROUNDING**2)


def fit_observer(x: Array, y: Array, lags: int) -> Observer:
    """Fit the regression on p lags to every step that has them."""
    T, B, inputs = x.shape
    outputs = y.shape[2]
    R = triangle(lagged_rows(x, y, lags))
    columns, rows = columns_of(lags, inputs, outputs), (T - lags) * B
    U, sizes, Vt = np.linalg.svd(R[:columns, :columns], full_matrices=False)
    kept = sizes > 1e-13 * sizes[0]  # lags that depend on each other add nothing
    inverse = Vt[kept].T / sizes[kept]
    _, misses, axes = np.linalg.svd(R[columns:, columns:])
    noise = np.sqrt(misses**2 / max(rows - columns, 1) + ROUNDING**2)[:, None] * axes
    return Observer(inverse @ (U[:, kept].T @ R[:columns, columns:]), inverse, noise, lags)


def split(coefficients: Array, inputs: int) -> tuple[Array, Array, Array]:
    """Take coefficients (..., regressors, output) apart.

    Returns:
        d (..., output), B (..., p + 1, output, input), A (..., p, output, output).
    """
    outputs = coefficients.shape[-1]
    lead = coefficients.shape[:-2]
    now = coefficients[..., 1 : 1 + inputs, :].reshape(*lead, 1, inputs, outputs)
    past = coefficients[..., 1 + inputs :, :].reshape(*lead, -1, inputs + outputs, outputs)
    B = np.concatenate([now, past[..., :inputs, :]], axis=-3)
    return coefficients[..., 0, :], B.swapaxes(-1, -2), past[..., inputs:, :].swapaxes(-1, -2)


def impulse_response(coefficients: Array, inputs: int, length: int) -> Array:
    """Follow g(k) = B_k + sum_j A_j g(k-j): (..., length, output, input).

    Args:
        coefficients: (..., regressors, output): one set, or draws of it.
        inputs: Features of x.
        length: How many g, from g(0) on.
    """
    _, B, A = split(coefficients, inputs)
    lags = A.shape[-3]
    g = np.zeros((*B.shape[:-3], length, *B.shape[-2:]))
    g[..., : lags + 1, :, :] = B[..., :length, :, :]
    for k in range(1, length):
        for j in range(1, min(k, lags) + 1):
            g[..., k, :, :] += A[..., j - 1, :, :] @ g[..., k - j, :, :]
    return g
