"""Choose window and centre: the ones whose Model 2 predicts validation best."""

from __future__ import annotations

from typing import Any

import numpy as np

from everystep.errors import ArgumentError
from everystep.forecast.convincing import FEWEST_BLOCKS, gain_in_errors
from everystep.forecast.parts import train_windows, valid_windows
from everystep.forecast.rows import Rows
from everystep.forecast.scaling import Scaling
from everystep.forecast.settings import ForecastSettings
from everystep.forecast.shape import CENTRES, Shape
from everystep.forecast.split import Split
from everystep.forecast.start import Start, fit_start
from everystep.forecast.windows import Windows

SEASONS = (1, 2, 3, 4, 6, 8, 12)
LENGTHS = (2, 4, 8, 12, 16, 24, 32, 48, 64, 96)  # where there is no season
LONGEST_SEGMENT = 60
FIXED = "mean"
FIXED_GAIN = 2.0  # standard errors
WORTH_IT = 0.995  # a longer window or a second centre has to be half a percent better
SEARCH_COST, SOLVE_COST = 1e9, 3e10  # multiplications, about 0.1 s and 3 s
MOST_VALID = 4_000


def choose_shape(
    rows: Rows, scaling: Scaling, split: Split, sizes: dict[str, Any], settings: ForecastSettings
) -> tuple[Shape, Start]:
    """Choose what the settings leave open, and solve Model 2 for it.

    A centre that does not move with the series is best where the level never changes and ruinous where it does, so it
    has to be better by more than two standard errors.

    Args:
        rows: The rows.
        scaling: Their scaling.
        split: Their parts.
        sizes: horizon, season, past, future and static of the shape.
        settings: window, segment and centre are taken from here where given.

    Returns:
        The shape, and its Model 2.
    """
    search = _Search(rows, scaling, split)
    windows = _window_candidates(split, sizes, settings)
    shapes = [_shape(w, c, sizes, settings) for w in windows for c in _centres(settings) if _fits(w, c, sizes)]
    if not shapes:
        raise ArgumentError(
            f"Forecaster: centre is seasonal, season {sizes['season']} and window {max(windows)}; the window has to "
            'hold a season of at least 2 steps. Leave out centre or window, or take centre="last".'
        )
    moving = search.best([shape for shape in shapes if shape.centre != FIXED])
    fixed = search.best([shape for shape in shapes if shape.centre == FIXED])
    shape = search.safer(moving, fixed)
    return shape, search.solve(shape, SOLVE_COST)


class _Search:
    """Model 2 of any shape, on the same rows."""

    def __init__(self, rows: Rows, scaling: Scaling, split: Split) -> None:
        self.rows, self.scaling, self.split = rows, scaling, split

    def solve(self, shape: Shape, cost: float) -> Start:
        """Solve Model 2 on as many windows as the cost allows."""
        every = train_windows(self.rows, self.scaling, shape, self.split)
        step = max(1, round(len(every) * (shape.window + shape.horizon) ** 2 / cost))
        train = every if step == 1 else train_windows(self.rows, self.scaling, shape, self.split, step)
        return fit_start(train, self.validation(shape))

    def validation(self, shape: Shape) -> Windows:
        """Give the validation windows; their origins are the same for every shape."""
        return valid_windows(self.rows, self.scaling, shape, self.split, MOST_VALID)

    def best(self, shapes: list[Shape]) -> tuple[Shape, Start] | None:
        """Find the best of several shapes; a later one has to be half a percent better."""
        found: tuple[Shape, Start] | None = None
        for shape in shapes:
            start = self.solve(shape, SEARCH_COST)
            if found is None or start.badness < WORTH_IT * found[1].badness:
                found = shape, start
        return found

    def safer(self, moving: tuple[Shape, Start] | None, fixed: tuple[Shape, Start] | None) -> Shape:
        """Choose between a centre that moves with the series and one that does not."""
        tried = [found for found in (moving, fixed) if found is not None]
        if moving is None or fixed is None:
            return tried[0][0]
        errors = (moving[1].valid_errors.numpy(), fixed[1].valid_errors.numpy())
        gain, blocks = gain_in_errors(*errors, self.validation(fixed[0]))
        return fixed[0] if gain > FIXED_GAIN and blocks >= FEWEST_BLOCKS else moving[0]


def segment_for(window: int, season: int) -> int:
    """Choose how many values enter at each step: a season where the window holds two, else an eighth of the window.

    A long season is cut into equal parts, so that a week of hours is read day by day.

    Example:
        >>> from everystep.forecast.search import segment_for
        >>> segment_for(48, 12), segment_for(336, 168), segment_for(32, 1)
        (12, 24, 4)
    """
    segment = season
    for part in (7, 5, 3, 2):
        while segment > LONGEST_SEGMENT and segment % part == 0:
            segment //= part
    return segment if 1 < segment <= window // 2 else max(1, window // 8)


def _window_candidates(split: Split, sizes: dict[str, Any], settings: ForecastSettings) -> list[int]:
    if settings.window is not None:
        return [settings.window]
    season, horizon = sizes["season"], sizes["horizon"]
    lengths = {*(k * season for k in SEASONS)} if season > 1 else {*LENGTHS}
    train = int(np.median(split.train[split.train > 0]))
    # Half of what is left of a typical row has to remain for windows to begin in.
    room = max(2, (train - horizon) // 2)
    return sorted(n for n in lengths if n <= room) or [max(1, min(room, season))]


def _centres(settings: ForecastSettings) -> tuple[str, ...]:
    return CENTRES if settings.centre is None else (settings.centre,)


def _fits(window: int, centre: str, sizes: dict[str, Any]) -> bool:
    return centre != "seasonal" or 1 < sizes["season"] <= window


def _shape(window: int, centre: str, sizes: dict[str, Any], settings: ForecastSettings) -> Shape:
    segment = settings.segment or segment_for(window, sizes["season"])
    return Shape(window=window, segment=min(segment, window), centre=centre, **sizes)
