"""What every method is asked: the same origins, the same horizon, and the clock."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from everystep.forecast.rows import Rows
from everystep.forecast.windows import Windows

Array = NDArray[Any]


class OutOfTimeError(Exception):
    """A method used up its time. Never leaves this room."""


@dataclass
class Clock:
    """A time limit for one method.

    Attributes:
        seconds: The limit.
        began: When it was set.
    """

    seconds: float
    began: float = field(default_factory=time.perf_counter)

    def check(self, *_: Any) -> None:
        """Raise ``OutOfTimeError`` once the limit has passed."""
        if time.perf_counter() - self.began > self.seconds:
            raise OutOfTimeError


@dataclass(frozen=True)
class Task:
    """The origins that are judged, and those that a method may learn its band from.

    Attributes:
        train: Windows of the training part.
        valid: Windows of the validation part.
        test: Windows of the test part; all three have the same shape.
        before_test: (rows,) values of each row that lie before its test part; 0 where it is not judged.
        seed: Start of random numbers, for methods that draw them.
    """

    train: Windows
    valid: Windows
    test: Windows
    before_test: Array
    seed: int = 0

    @property
    def rows(self) -> Rows:
        """Where the values lie."""
        return self.test.rows

    @property
    def horizon(self) -> int:
        """Steps ahead."""
        return self.test.shape.horizon

    @property
    def season(self) -> int:
        """Steps in a season."""
        return self.test.shape.season


def history(windows: Windows, number: int, most: int) -> Array:
    """Give the last ``most`` values that are known at the origin of a window."""
    row, last = windows.row[number], windows.last[number]
    values: Array = windows.rows.row(int(row))[max(0, last + 1 - most) : last + 1]
    return values


def with_band(points: Array, point_valid: Array, task: Task) -> Array:
    """Put a band around point forecasts, as wide as the method's own errors on validation.

    Args:
        points: (n, horizon) for the test windows.
        point_valid: (m, horizon) for the validation windows.
        task: What was asked.

    Returns:
        (n, horizon, 3), the 10% quantile, the point forecast and the 90% quantile.
    """
    errors = (task.valid.truth() - point_valid) / task.valid.unit[:, None]
    low, high = np.quantile(errors, [0.1, 0.9], axis=0)
    unit = task.test.unit[:, None]
    return np.stack([points + unit * np.minimum(low, 0), points, points + unit * np.maximum(high, 0)], axis=-1)
