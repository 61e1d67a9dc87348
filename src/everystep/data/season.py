"""Guess the season and the horizon of series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from everystep.data.frequency import DAY, Frequency
from everystep.data.wording import counted

LONGEST_DAY = 1440  # steps: a day of minutes is a season, a day of seconds is not
CLEAR = (
    0.4  # correlation one season apart, and its rise above the trough before it, that no random walk shows by chance
)
SHORTEST = 24  # steps below which no season is looked for
HORIZON_SHARE = 8  # a horizon guessed is at most this part of the usual length


def calendar_season(freq: Frequency) -> int:
    """Return the steps after which the calendar repeats itself, or 1 where it gives none.

    Example:
        >>> from everystep.data import Frequency
        >>> from everystep.data.season import calendar_season
        >>> [calendar_season(Frequency(alias)) for alias in ("15min", "h", "D", "B", "W-SUN", "MS", "QE", "YS")]
        [96, 24, 7, 5, 52, 12, 4, 1]
    """
    if freq.unit == "B":
        return 5
    if freq.months is not None:
        return 12 // freq.months if 12 % freq.months == 0 else 1
    step = freq.nanoseconds
    if step is None:
        return 1
    if step < DAY:
        return DAY // step if DAY % step == 0 and DAY // step <= LONGEST_DAY else 1
    days = step // DAY
    if days % 7 == 0:
        return max(52 // (days // 7), 1)
    return 7 if days == 1 else 1


def guess_season(freq: Frequency, targets: Sequence[np.ndarray]) -> tuple[int, str]:
    """Guess the season from the calendar, or else from the autocorrelation of the longest series.

    Args:
        freq: The step.
        targets: The target of each series, (n, targets).

    Returns:
        The steps of a season (1: none), and a sentence that says so.
    """
    longest = max(targets, key=len)
    season = calendar_season(freq)
    if season > 1 and len(longest) >= 2 * season:
        return season, f"Season: {season} steps, from the calendar at a step of {freq}."
    if season > 1:
        return 1, f"Season: none, since no series holds two of {season} steps."
    season = season_of(longest[:, 0])
    if season > 1:
        return season, f"Season: {season} steps, from the autocorrelation."
    return 1, "Season: none found."


def season_of(values: np.ndarray) -> int:
    """Return the lag at which a series clearly repeats itself, or 1.

    The first peak of the autocorrelation after it fell below zero must stand clear, and a second one must follow
    near twice its lag; later peaks then tell the lag more exactly (sunspots: 10, 21, 32 make 11).
    """
    n = len(values)
    if n < SHORTEST or np.ptp(values) == 0:
        return 1
    correlation = autocorrelation(values, n // 2)
    below = np.flatnonzero(correlation < 0)
    if not len(below) or below[0] >= n // 4:
        return 1
    lag = int(np.argmax(correlation[below[0] : n // 4])) + int(below[0])
    peaks = _later_peaks(correlation, lag)
    clear = correlation[lag] > CLEAR and correlation[lag] - correlation[:lag].min() > 2 * CLEAR and len(peaks) > 1
    count = np.arange(1, len(peaks) + 1)
    return round(float(count @ peaks / (count @ count))) if clear else 1  # least squares through (0, 0)


def _later_peaks(correlation: np.ndarray, lag: int) -> list[int]:
    peaks = [lag]
    while True:
        middle, reach = round(peaks[-1] * (len(peaks) + 1) / len(peaks)), max(lag // 4, 1)
        if middle + reach >= len(correlation):
            return peaks
        peak = int(np.argmax(correlation[middle - reach : middle + reach + 1])) + middle - reach
        if correlation[peak] < CLEAR / 2:
            return peaks
        peaks.append(peak)


def autocorrelation(values: np.ndarray, lags: int) -> np.ndarray:
    """Return the autocorrelation at lags 0 to ``lags`` of a series less its straight line."""
    n = len(values)
    time = np.arange(n)
    rest = values - np.polyval(np.polyfit(time, values, 1), time)
    spectrum = np.abs(np.fft.rfft(rest, 2 * n)) ** 2
    product = np.fft.irfft(spectrum)[: lags + 1]
    return product / product[0] if product[0] > 0 else np.zeros(lags + 1)


def guess_horizon(freq: Frequency, season: int, lengths: Sequence[int]) -> tuple[int, str]:
    """Guess the horizon: one season, or 12 steps (6 years) without one, and at most an eighth of the usual length."""
    wished = season if season > 1 else 6 if freq.months and freq.months >= 12 else 12
    horizon = max(1, min(wished, int(np.median(lengths)) // HORIZON_SHARE))
    why = (
        "one season"
        if horizon == season > 1
        else "at most an eighth of the length"
        if horizon < wished
        else "without a season"
    )
    return horizon, f"Horizon: {counted(horizon, 'step')} ({why})."
