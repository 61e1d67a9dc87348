"""Check the data of an identification, and bring each feature to mean 0 and standard deviation 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from everystep.errors import DataError, DeviceError, DTypeError, ShapeError

Array = np.ndarray


@dataclass(frozen=True)
class Series:
    """Sequences in float64, standardised, and what puts them back."""

    x: Array  # (T, B, input)
    y: Array  # (T, B, output)
    x_mean: Array  # (input,)
    x_scale: Array
    y_mean: Array  # (output,)
    y_scale: Array


def read_series(x: Tensor, y: Tensor) -> Series:
    """Check x and y and standardise them."""
    _check_kind(x, y)
    x_raw, y_raw = _finite("x", x), _finite("y", y)
    x_mean, y_mean = x_raw.mean((0, 1)), y_raw.mean((0, 1))
    x_scale, y_scale = x_raw.std((0, 1)), y_raw.std((0, 1))
    still = np.flatnonzero(x_scale <= 1e-12 * np.abs(x_mean))
    if still.size:
        i = int(still[0])
        raise DataError(
            f"identify: feature {i} of x is constant at {x_mean[i]:.6g}, so it excites nothing and its effect can't be "
            "told from an offset. Leave it out, or give data in which it varies."
        )
    y_scale = np.where(y_scale > 1e-12 * np.abs(y_mean), y_scale, 1.0)  # a constant output is all offset
    return Series((x_raw - x_mean) / x_scale, (y_raw - y_mean) / y_scale, x_mean, x_scale, y_mean, y_scale)


def _check_kind(x: Tensor, y: Tensor) -> None:
    if not isinstance(x, Tensor) or not isinstance(y, Tensor):
        raise DTypeError(
            f"identify: x is a {type(x).__name__} and y a {type(y).__name__}; expected tensors. "
            "Pass torch.as_tensor(x), torch.as_tensor(y)."
        )
    shapes = (
        f"identify: x has shape {tuple(x.shape)} and y {tuple(y.shape)}; "
        "expected (time, batch, input) and (time, batch, output)"
    )
    if x.ndim != 3 or y.ndim != 3:
        raise ShapeError(f"{shapes}. For one sequence pass x.unsqueeze(1), and a feature axis even for one feature.")
    if x.shape[:2] != y.shape[:2]:
        raise ShapeError(f"{shapes} with the same time and batch.")
    if 0 in x.shape or 0 in y.shape:
        raise ShapeError(f"{shapes}, none of them 0: an impulse response needs an input, an output and steps.")
    if not x.is_floating_point() or x.dtype != y.dtype:
        raise DTypeError(
            f"identify: x is {x.dtype} and y {y.dtype}; expected one floating dtype. Pass x.double(), y.double()."
        )
    if x.device != y.device:
        raise DeviceError(
            f"identify: x lies on {x.device} and y on {y.device}; expected one device. Pass y.to(x.device)."
        )


def _finite(name: str, values: Tensor) -> Array:
    array = values.detach().double().cpu().numpy()
    if not np.isfinite(array).all():
        t, b, i = (int(n) for n in np.argwhere(~np.isfinite(array))[0])
        raise DataError(
            f"identify: {name} holds {array[t, b, i]} at step {t} of sequence {b}, feature {i}; expected finite "
            "numbers. Fill it first, or cut the sequence there and pass the pieces as sequences."
        )
    return array
