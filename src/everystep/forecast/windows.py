"""Windows of rows: what is known at an origin, and what comes after it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from everystep.forecast.rows import Rows
from everystep.forecast.scaling import Scaling
from everystep.forecast.shape import Shape

Array = NDArray[Any]


class Window(NamedTuple):
    """A batch of windows, told against their reference and in units of their row's scale; float32."""

    values: Tensor  # (batch, window)
    centre: Tensor  # (batch, horizon)  the value before any path adds to it
    target: Tensor  # (batch, horizon)  NaN where it lies ahead of the data
    covariates: Tensor  # (batch, window, past + future)
    ahead: Tensor  # (batch, horizon, future)
    static: Tensor  # (batch, static)


class Windows:
    """Windows that end at given origins, made when they are asked for.

    A window that would begin before its row repeats the row's first value.

    Args:
        rows: Where the values lie.
        scaling: The scaling of these rows.
        shape: Sizes and centre.
        row: (n,) the row of each window.
        last: (n,) place in the row of each window's last known value, the origin.
    """

    def __init__(self, rows: Rows, scaling: Scaling, shape: Shape, row: Array, last: Array) -> None:
        self.rows, self.scaling, self.shape, self.row, self.last = rows, scaling, shape, row, last
        self.reference, self.unit = self._reference(), scaling.scale[row]

    def __len__(self) -> int:
        return len(self.row)

    def read(self, which: Array) -> Window:
        """Make the windows with these numbers."""
        shape, place = self.shape, self._places(which)
        values, target = np.split(self._values(which, place), [shape.window], axis=1)
        covariates = self._covariates(which, place)
        centre = values[:, -shape.season :][:, np.arange(shape.horizon) % shape.season]
        static = (self.rows.static[self.row[which]] - self.scaling.static_mean) / self.scaling.static_scale
        return Window(
            values=_float32(values),
            centre=_float32(centre if shape.centre == "seasonal" else np.zeros_like(target)),
            target=_float32(target),
            covariates=_float32(covariates[:, : shape.window]),
            ahead=_float32(covariates[:, shape.window :, shape.past :]),
            static=_float32(static),
        )

    def truth(self) -> Array:
        """Give what came after each origin, (n, horizon), in the units of the data."""
        steps = np.arange(1, self.shape.horizon + 1)
        return self.rows.values[(self.rows.first[self.row] + self.last)[:, None] + steps]

    def restore(self, values: Array) -> Array:
        """Turn forecasts (n, horizon, ...) back into the units of the data."""
        axes = (slice(None),) + (None,) * (values.ndim - 1)
        return self.reference[axes] + self.unit[axes] * values

    def _reference(self) -> Array:
        if self.shape.centre == "mean":
            return self.scaling.mean[self.row]
        return self.rows.values[self.rows.first[self.row] + self.last]

    def _places(self, which: Array) -> Array:
        steps = np.arange(1 - self.shape.window, self.shape.horizon + 1)
        return np.maximum(self.last[which, None] + steps, 0)  # (batch, window + horizon)

    def _values(self, which: Array, place: Array) -> Array:
        raw = self.rows.values[self.rows.first[self.row[which], None] + place]
        # The difference is taken in float64: an offset of 1e9 would swallow it in float32.
        return (raw - self.reference[which, None]) / self.unit[which, None]

    def _covariates(self, which: Array, place: Array) -> Array:
        if not self.rows.covariates.shape[1]:
            return np.zeros((*place.shape, 0))
        raw = self.rows.covariates[self.rows.covariate_first[self.row[which], None] + place]
        return (raw - self.scaling.covariate_mean) / self.scaling.covariate_scale


def origins(first: Array, last: Array, step: int = 1) -> tuple[Array, Array]:
    """List every ``step``-th origin of each row, the last one always among them.

    Args:
        first: (rows,) first origin of each row.
        last: (rows,) last origin; below ``first`` where the row has none.
        step: Steps between two origins, 1 or more.

    Returns:
        Row and place of each origin, two arrays (n,).
    """
    places = [np.arange(b, a - 1, -step)[::-1] for a, b in zip(first, last, strict=True)]
    row = np.repeat(np.arange(len(places)), [len(p) for p in places])
    return row, np.concatenate(places) if places else np.zeros(0, dtype=np.int64)


def _float32(values: Array) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


def in_float64(window: Window) -> Window:
    """Give the same windows in float64, for linear algebra."""
    return Window(*(part.double() for part in window))
