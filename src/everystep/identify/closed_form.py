"""Fit the linear driven system to data in closed form."""

from __future__ import annotations

import warnings
from numbers import Integral

import numpy as np
import torch
from torch import Tensor

from everystep.cells import LinearSystem
from everystep.errors import ArgumentError, unknown
from everystep.identify.forms import FORMS
from everystep.identify.hankel import Array, Realisation, realise
from everystep.identify.response import Response, check_size, estimate_response, shown_size
from everystep.identify.series import Series, read_series

UNSTABLE = 1 - 1e-9
"""From this spectral radius on, a start or an offset is not forgotten within any series."""


def identify(x: Tensor, y: Tensor, state_size: int | None = None, form: str = "controllable") -> LinearSystem:
    r"""Fit :math:`s(t+1) = W s(t) + U x(t+1),\ y(t) = V s(t) + c` to data, in closed form.

    The impulse response :math:`g(k) = V W^k U` is estimated by least squares on past inputs and outputs, laid out as
    a Hankel matrix that starts at g(0), and factored (Ho-Kalman). Nothing is iterated, and nothing depends on a start:
    not even the data's, since the state before the first step may be anything.

    Without a state size it is the number of singular values of the Hankel matrix above twice the norm that the
    estimation error alone would give the matrix.

    Args:
        x: Inputs, (T, B, input): B sequences of one system, each with an unknown start of its own.
        y: Outputs, (T, B, output), of x's dtype and device.
        state_size: Size of s, 1 or more; None reads it off the data.
        form: Coordinates of the state. ``"controllable"``: the basis [U, WU, W²U ...], in which the worked example's
            W, U and V are the notes' own. ``"balanced"``: each state as easy to reach as to see (x and y in units of
            their standard deviation), which is better conditioned for large sizes.

    Returns:
        A ``LinearSystem`` of x's dtype and device; b is 0, and c the constant offset of y.

    Raises:
        ShapeError: x and y are not (time, batch, features) with the same time and batch.
        DTypeError: They are not floating tensors of one dtype.
        DataError: A value is not finite, x excites too little, y does not follow x, there are too few steps to show
            the size, or the controllable form would be ill-conditioned.
        ArgumentError: ``state_size`` is below 1, or more than the data's Hankel matrix can show.
        UnknownNameError: There is no such form.

    Warns:
        UserWarning: The fitted system is unstable, or never forgets its start (an integrator).

    Example:
        >>> import torch, everystep as es
        >>> x = torch.randn(100, 1, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        >>> y = x.clone()
        >>> y[1:] += x[:-1]
        >>> y[2:] += x[:-2]
        >>> system = es.identify(x, y)
        >>> system.W.detach().round(decimals=6).abs()
        tensor([[0., 0., 0.],
                [1., 0., 0.],
                [0., 1., 0.]], dtype=torch.float64)
        >>> system.V.detach().round(decimals=6)
        tensor([[1., 1., 1.]], dtype=torch.float64)

    Source: NOTES N5; Ho and Kalman (1966); Juang, Phan, Horta and Longman (1993).
    """
    if form not in FORMS:
        raise unknown("identify", "form", form, FORMS)
    if state_size is not None and not _is_size(state_size):
        raise ArgumentError(f"identify: state_size is {state_size!r}; expected a whole number, 1 or more, or None.")
    series = read_series(x, y)
    response = estimate_response(series, state_size)
    size = shown_size(response) if state_size is None else check_size(response, state_size)
    found = FORMS[form](_rescale(realise(response.g, response.blocks, size), series))
    radius = np.abs(np.linalg.eigvals(found.W)).max()
    if radius < UNSTABLE:
        return _as_cell(found, _offset(series, response), like=x)
    _warn_unstable(radius, size, steps=x.shape[0])
    return _as_cell(found, np.zeros(y.shape[2]), like=x)


def _is_size(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


def _rescale(system: Realisation, series: Series) -> Realisation:
    return Realisation(system.W, system.U / series.x_scale, system.V * series.y_scale[:, None])


def _offset(series: Series, response: Response) -> Array:
    """Give c: the mean of y, less what the mean of x makes of it."""
    return series.y_mean + series.y_scale * (response.offset - response.gain @ (series.x_mean / series.x_scale))


def _warn_unstable(radius: float, size: int, steps: int) -> None:
    if radius > 2 - UNSTABLE:
        what = f"unstable: the largest eigenvalue of W has modulus {radius:.6g}, so that a state grows by a factor of "
        what += f"{radius**steps:.3g} over {steps} steps"
        mend = " If the data do not grow, give more, or a smaller state_size."
    else:
        what = "on the edge of stability: the largest eigenvalue of W has modulus 1, so that a state is never forgotten"
        mend = ""
    warnings.warn(
        f"identify: the fitted system of state size {size} is {what}. The offset can't be told from the start and is "
        f"left 0.{mend}",
        stacklevel=3,
    )


def _as_cell(system: Realisation, offset: Array, like: Tensor) -> LinearSystem:
    with torch.random.fork_rng(devices=[]):  # leave the caller's seed alone
        cell = LinearSystem(system.U.shape[1], system.W.shape[0], system.V.shape[0])
    cell = cell.to(like.device, like.dtype)
    values = {"W": system.W, "U": system.U, "b": np.zeros(len(system.W)), "V": system.V, "c": offset}
    with torch.no_grad():
        for name, value in values.items():
            getattr(cell, name).copy_(torch.from_numpy(np.ascontiguousarray(value)))
    return cell
