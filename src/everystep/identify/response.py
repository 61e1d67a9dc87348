"""Estimate the impulse response of a series, and say what state size it shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from everystep.baselines import triangle
from everystep.errors import ArgumentError, DataError, counted
from everystep.identify.hankel import Array, hankel
from everystep.identify.observer import (
    choose_lags,
    columns_of,
    fit_observer,
    impulse_response,
    lagged_rows,
    most_lags,
    split,
)
from everystep.identify.series import Series

DRAWS = 32

ROUNDING = 1e-9
"""Singular values below this share of the first are rounding, whatever the data."""


@dataclass(frozen=True)
class Response:
    """An estimated impulse response.

    Attributes:
        g: (2 blocks, output, input), from g(0) on.
        blocks: Blocks of the Hankel matrix that is made of it.
        sizes: The singular values of that matrix.
        noise: The norm that the estimation error alone would give it.
        lags: How many past steps the estimate rests on.
        offset: The constant that is left in y, (output,).
        gain: Response of y to a constant x, (output, input).
    """

    g: Array
    blocks: int
    sizes: Array
    noise: float
    lags: int
    offset: Array
    gain: Array


def estimate_response(series: Series, state_size: int | None) -> Response:
    """Estimate the impulse response from as many lags as the data call for.

    Args:
        series: The data.
        state_size: Size that the Hankel matrix must be able to hold, if it is known.

    Raises:
        DataError: There are too few steps, or x excites too little.
        ArgumentError: The state size asks for more lags than the data allow.
    """
    inputs, outputs = series.x.shape[2], series.y.shape[2]
    lags = _lags(series, state_size)
    observer = fit_observer(series.x, series.y, lags)
    largest = lags * outputs + inputs  # no system of more states has an observer with so few lags
    blocks = -(-(largest + 1) // min(inputs, outputs))
    g = impulse_response(observer.coefficients, inputs, 2 * blocks)
    drawn = impulse_response(observer.draws(DRAWS), inputs, 2 * blocks)
    errors = np.linalg.norm(hankel(drawn - g, blocks), ord=2, axis=(-2, -1))
    sizes = np.linalg.svd(hankel(g, blocks), compute_uv=False)
    d, B, A = split(observer.coefficients, inputs)
    settled = np.linalg.pinv(np.eye(outputs) - A.sum(0))
    return Response(g, blocks, sizes, float(np.median(errors)), lags, settled @ d, settled @ B.sum(0))


def shown_size(response: Response) -> int:
    """Count the singular values that stand above the noise: twice what the estimation error would make of the first."""
    sizes, floor = response.sizes, max(2 * response.noise, ROUNDING * response.sizes[0])
    size = int((sizes > floor).sum())
    if size == 0:
        raise _no_effect(response)
    if size == len(sizes):
        raise DataError(
            f"identify: all {size} singular values of the Hankel matrix stand above the noise, {floor / sizes[0]:.3g} "
            "of the first, so they show no state size. Give a longer series, or state_size."
        )
    return size


def check_size(response: Response, state_size: int) -> int:
    """Refuse a state size beyond what the Hankel matrix shows at all."""
    rank = int((response.sizes > ROUNDING * response.sizes[0]).sum())
    if rank == 0:
        raise _no_effect(response)
    if state_size > rank:
        shares = ", ".join(f"{size:.3g}" for size in response.sizes[:rank] / response.sizes[0])
        raise ArgumentError(
            f"identify: state_size is {state_size}, but the data's Hankel matrix has rank {rank}: its singular values, "
            f"as shares of the first, are {shares}, and then rounding. Pass state_size={rank} or less, or leave it out."
        )
    return state_size


def _no_effect(response: Response) -> DataError:
    return DataError(
        f"identify: y shows no effect of x: the Hankel matrix's largest singular value is {response.sizes[0]:.3g} "
        f"(x and y in units of their standard deviation), and estimation error alone would give {response.noise:.3g}. "
        "Give more steps, or check that x and y belong together."
    )


def _lags(series: Series, state_size: int | None) -> int:
    T, B, inputs = series.x.shape
    outputs = series.y.shape[2]
    most, limited = most_lags(T, B, inputs, outputs)
    have = f"{counted(B, 'sequence')} of {counted(T, 'step')}"
    if most < 1:
        raise DataError(
            f"identify: {have}: too short. One lag of {inputs} inputs and {outputs} outputs takes "
            f"{columns_of(1, inputs, outputs)} coefficients, and twice as many steps to fit them. "
            "Give more steps or sequences."
        )
    R = triangle(lagged_rows(series.x, series.y, most))
    lags, noisy = choose_lags(R, (T - most) * B, most, inputs, outputs)
    needed = 0 if state_size is None else -(-(state_size - inputs) // outputs)
    if needed > most:
        raise ArgumentError(
            f"identify: state_size is {state_size}, but {have} allow {counted(most, 'lag')}, whose Hankel matrix "
            f"shows at most {most * outputs + inputs} states. Pass a smaller state_size, or give more data."
        )
    if state_size is None and limited and lags == most:
        raise DataError(
            f"identify: {have}: too short to show the state size. The fit still improves at {counted(most, 'lag')}, "
            "the most that the data allow, so longer memory can't be ruled out. Give more steps or sequences, "
            "or state_size."
        )
    if noisy:  # a memory that fades slowly shows too little in each further lag for the criterion to take all of it
        lags = min(most, lags + lags // 4 + 1)
    lags = max(lags, needed)
    _check_excitation(R, min(most, 2 * lags + 1), inputs, outputs)
    return lags


def _check_excitation(R: Array, lags: int, inputs: int, outputs: int) -> None:
    """See that x at t, t-1 ... are independent, the constant apart; R's first row is the constant's."""
    starts = [1] + [columns_of(k, inputs, outputs) for k in range(lags)]
    lagged = R[1:, [start + i for start in starts for i in range(inputs)]]
    sizes = np.linalg.svd(lagged, compute_uv=False)
    rank = int((sizes > 1e-12 * sizes[0]).sum())
    if rank < lagged.shape[1]:
        raise DataError(
            f"identify: x excites too little: of its {lagged.shape[1]} values at t, t-1 ... t-{lags} only {rank} are "
            "independent, so the effects of different lags can't be told apart. Give an input that varies more, such "
            "as noise or steps at random times."
        )
