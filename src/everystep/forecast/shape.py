"""The sizes of a forecaster: what goes into it, what comes out, and how a window is centred."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from everystep.errors import ArgumentError, unknown

CENTRES = ("last", "seasonal", "mean")
"""What a forecast is told against: the last value, the same season one cycle ago, or the mean of the training part."""


@dataclass(frozen=True)
class Shape:
    """The sizes of a forecaster.

    Args:
        window: Values that are read, 1 or more.
        horizon: Steps that are forecast, 1 or more.
        season: Steps in a season; 1 where there is none.
        segment: Values that enter at each step of the cell, at most ``window``.
        centre: A name in ``CENTRES``.
        past: Columns known only in the past.
        future: Columns known ahead of time.
        static: Numbers that belong to a whole series.

    Raises:
        ArgumentError: A size is out of range, or two of them contradict each other.
        UnknownNameError: There is no such centre.

    Example:
        >>> from everystep.forecast.shape import Shape
        >>> Shape(window=48, horizon=12, season=12, segment=12).steps
        4
    """

    window: int
    horizon: int
    season: int = 1
    segment: int = 1
    centre: str = "last"
    past: int = 0
    future: int = 0
    static: int = 0

    def __post_init__(self) -> None:
        for name in ("window", "horizon", "season", "segment"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"Shape: {name} is {getattr(self, name)}; expected a whole number, 1 or more.")
        if self.centre not in CENTRES:
            raise unknown("Shape", "centre", self.centre, CENTRES)
        if self.segment > self.window:
            raise ArgumentError(
                f"Shape: segment is {self.segment} and window {self.window}; a segment lies in a window."
            )
        if self.centre == "seasonal" and self.window < self.season:
            raise ArgumentError(
                f"Shape: centre is seasonal, season {self.season} and window {self.window}; "
                "the window has to hold a season."
            )

    @property
    def steps(self) -> int:
        """Steps of the cell in one window: whole segments, counted from the end of the window."""
        return self.window // self.segment

    def to_dict(self) -> dict[str, Any]:
        """Give every field as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Shape:
        """Read back what ``to_dict`` gave."""
        return cls(**values)
