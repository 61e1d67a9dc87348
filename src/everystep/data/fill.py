"""Give missing values a number: on a straight line in time, or the last category seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from everystep.data.layout import Layout
from everystep.data.rows import Rows
from everystep.data.wording import counted
from everystep.errors import DataError

ENOUGH = 10  # known values to be hidden before a comparison of two ways says anything
HELP = 0.8  # error of the seasonal way over that of the straight line, below which it is taken


def fill_values(rows: Rows, layout: Layout, season: int) -> tuple[Rows, list[str]]:
    """Fill every NaN of evenly spaced rows.

    Numbers lie on the straight line between their neighbours in time; where a target has a season and hiding known
    values shows that it helps, the line is drawn through the values less their usual place in the season. Before the
    first and after the last known value, an extra column keeps that value. Categories are carried on.
    """
    hole = np.isnan(rows.values)
    if not hole.any():
        return rows, []
    values, bounds, seasonal = rows.values.copy(), rows.bounds, 0
    target = set(layout.of("target").tolist())
    for code in np.unique(rows.code[hole.any(axis=1)]):
        part = slice(bounds[code], bounds[code + 1])
        for column in np.flatnonzero(hole[part].any(axis=0)):
            old = values[part, column]
            if np.isnan(old).all():
                name, series = layout.columns[column], rows.ids[code]
                raise DataError(
                    f'data: column "{name}" of series "{series}" has no value to fill the others from; leave it out.'
                )
            if layout.coded[column]:
                values[part, column] = _carried(old)
            elif column in target and season > 1 and _season_helps(old, season):
                values[part, column] = _seasonal(old, season)
                seasonal += 1
            else:
                values[part, column] = _linear(old)
    return replace(rows, values=values), _notes(int(hole[:, layout.of("target")].sum()), seasonal, season)


def _notes(count: int, seasonal: int, season: int) -> list[str]:
    """Say how many values of the targets were filled, and how; columns of targets that have a season are counted."""
    if not count:
        return []
    where = f" ({counted(seasonal, 'series')})" if seasonal > 1 else ""
    swing = f", plus the usual swing of the season of {season} steps{where}" if seasonal else ""
    return [f"{counted(count, 'missing value')} filled in: a straight line between neighbours{swing}."]


def _linear(values: np.ndarray) -> np.ndarray:
    known = np.flatnonzero(np.isfinite(values))
    return np.interp(np.arange(len(values)), known, values[known])


def _carried(values: np.ndarray) -> np.ndarray:
    known = np.where(np.isfinite(values), np.arange(len(values)), -1)
    last = np.maximum.accumulate(known)
    first = known[known >= 0].min(initial=len(values) - 1)
    return values[np.where(last < 0, first, last)]


def _seasonal(values: np.ndarray, season: int) -> np.ndarray:
    """Interpolate what is left of the values when their usual deviation at each place in the season is taken away."""
    line = _linear(values)
    trend = np.convolve(np.pad(line, season // 2, mode="edge"), np.ones(season) / season, mode="valid")[: len(line)]
    place = np.arange(len(values)) % season
    known = np.isfinite(values)
    total = np.bincount(place[known], (values - trend)[known], minlength=season)
    usual = (total / np.maximum(np.bincount(place[known], minlength=season), 1))[place]
    return np.where(known, values, _linear(values - usual) + usual)


def _season_helps(values: np.ndarray, season: int) -> bool:
    """Hide known values in the pattern of the holes, moved on by turns, and compare both ways of filling them."""
    hole = np.isnan(values)
    hidden = np.zeros(len(values), dtype=bool)
    for shift in range(season // 2 + 1, len(values), season + 1):
        moved = hidden | (np.roll(hole, shift) & ~hole)
        moved[[0, -1]] = False
        if 4 * (moved | hole).sum() > len(values):
            break
        hidden = moved
    if len(values) < 3 * season or hidden.sum() < ENOUGH:
        return False
    masked = np.where(hidden, np.nan, values)
    errors = [np.abs(way - values)[hidden].sum() for way in (_linear(masked), _seasonal(masked, season))]
    return bool(errors[1] < HELP * errors[0])
