"""The windows of training, validation and test: which origins belong to which part."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from everystep.forecast.rows import Rows
from everystep.forecast.scaling import Scaling
from everystep.forecast.shape import Shape
from everystep.forecast.split import Split
from everystep.forecast.windows import Windows, origins

Array = NDArray[Any]


def train_windows(rows: Rows, scaling: Scaling, shape: Shape, split: Split, step: int = 1) -> Windows:
    """Give the windows whose values and targets all lie in the training part.

    A row shorter than two windows gives windows that begin before it, from the middle of its origins on.
    """
    last = np.where(split.train > 0, split.train - shape.horizon - 1, -1)
    first = np.where(split.train > 0, np.minimum(shape.window - 1, last // 2), 0)
    return Windows(rows, scaling, shape, *origins(np.maximum(first, 0), last, step))


def valid_windows(rows: Rows, scaling: Scaling, shape: Shape, split: Split, most: int) -> Windows:
    """Give at most about ``most`` windows whose targets all lie in the validation part."""
    return _between(rows, scaling, shape, split.train, split.valid, most)


def test_windows(rows: Rows, scaling: Scaling, shape: Shape, split: Split, step: int) -> Windows:
    """Give every ``step``-th window whose targets all lie in the test part."""
    first, last = _origins(split.valid, split.end, shape.horizon)
    return Windows(rows, scaling, shape, *origins(first, last, step))


def last_windows(rows: Rows, scaling: Scaling, shape: Shape) -> Windows:
    """Give the window at the end of each row, from which the future is forecast."""
    return Windows(rows, scaling, shape, np.arange(len(rows)), rows.known - 1)


def count_origins(split: Split, horizon: int) -> Array:
    """Count the test origins of each row, (rows,)."""
    first, last = _origins(split.valid, split.end, horizon)
    return np.maximum(0, last - first + 1)


def _between(rows: Rows, scaling: Scaling, shape: Shape, start: Array, end: Array, most: int) -> Windows:
    first, last = _origins(start, end, shape.horizon)
    count = np.maximum(0, last - first + 1).sum()
    return Windows(rows, scaling, shape, *origins(first, last, max(1, -(-count // most))))


def _origins(start: Array, end: Array, horizon: int) -> tuple[Array, Array]:
    return np.maximum(start - 1, 0), np.where(start > 0, end - horizon - 1, -1)
