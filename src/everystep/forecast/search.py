"""Choose window and centre: the ones whose Model 2 predicts validation best."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from everystep.forecast.parts import train_windows, valid_windows
from everystep.forecast.rows import Rows
from everystep.forecast.scaling import Scaling
from everystep.forecast.settings import ForecastSettings
from everystep.forecast.shape import CENTRES, Shape
from everystep.forecast.split import Split
from everystep.forecast.start import Start, fit_start

SEASONS = (1, 2, 3, 4, 6, 8, 12)
LENGTHS = (2, 4, 8, 12, 16, 24, 32, 48, 64, 96)  # where there is no season
LONGEST_SEGMENT = 60
WORTH_IT = 0.995  # a longer window has to be half a percent better than a shorter one
SEARCH_COST, SOLVE_COST = 1e9, 3e10  # multiplications, about 0.1 s and 3 s
MOST_VALID = 4_000


def choose_shape(
    rows: Rows, scaling: Scaling, split: Split, sizes: dict[str, Any], settings: ForecastSettings
) -> tuple[Shape, Start]:
    """Choose what the settings leave open, and solve Model 2 for it.

    Args:
        rows: The rows.
        scaling: Their scaling.
        split: Their parts.
        sizes: horizon, season, past, future and static of the shape.
        settings: window, segment and centre are taken from here where given.

    Returns:
        The shape, and its Model 2.
    """
    best: tuple[float, Shape] | None = None
    for window in _window_candidates(split, sizes, settings):
        for shape in _shapes(window, sizes, settings):
            badness = _solve(rows, scaling, split, shape, SEARCH_COST).badness
            if best is None or badness < best[0] * (WORTH_IT if window > best[1].window else 1.0):
                best = badness, shape
    assert best is not None
    return best[1], _solve(rows, scaling, split, best[1], SOLVE_COST)


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


def _shapes(window: int, sizes: dict[str, Any], settings: ForecastSettings) -> list[Shape]:
    segment = settings.segment or segment_for(window, sizes["season"])
    shape = Shape(window=window, segment=min(segment, window), **sizes)
    if settings.centre is not None:
        return [replace(shape, centre=settings.centre)]
    possible = [c for c in CENTRES if c != "seasonal" or 1 < sizes["season"] <= window]
    return [replace(shape, centre=centre) for centre in possible]


def _solve(rows: Rows, scaling: Scaling, split: Split, shape: Shape, cost: float) -> Start:
    every = train_windows(rows, scaling, shape, split)
    step = max(1, round(len(every) * (shape.window + shape.horizon) ** 2 / cost))
    train: Any = every if step == 1 else train_windows(rows, scaling, shape, split, step)
    return fit_start(train, valid_windows(rows, scaling, shape, split, MOST_VALID))
