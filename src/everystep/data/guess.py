"""Guess a frequency from times."""

from __future__ import annotations

import numpy as np

from everystep.data.frequency import DAY, DAY_NAMES, FIXED, MONTH_NAMES, Frequency, month_end

MONTH_LENGTHS = {1: (28, 31), 2: (59, 62), 3: (89, 92), 4: (120, 123), 6: (181, 184), 12: (365, 366)}  # in days


def guess_frequency(times: np.ndarray, series: np.ndarray) -> Frequency | None:
    """Guess the step from the most common distance of neighbours.

    Args:
        times: (rows,) datetime64[ns] or int64, rising strictly within each series.
        series: (rows,) the series of each row, each in one stretch.

    Returns:
        The frequency, or None where no series has two times.
    """
    distance = np.diff(times.astype(np.int64))[series[1:] == series[:-1]]
    if not len(distance):
        return None
    values, counts = np.unique(distance, return_counts=True)
    step = int(values[np.argmax(counts)])
    if times.dtype.kind != "M":
        return Frequency(str(step))
    days = times.astype("datetime64[D]")
    pairs = days[:-1][series[1:] == series[:-1]], days[1:][series[1:] == series[:-1]]
    return _months(times, step) or _business_days(days, pairs, step) or _fixed(times, step)


def _months(times: np.ndarray, step: int) -> Frequency | None:
    days = step / DAY
    months = [n for n, (least, most) in MONTH_LENGTHS.items() if least <= days <= most]
    years = round(days / 365.2425)
    if not months and years > 1 and abs(days - 365.2425 * years) < 1:
        months = [12 * years]
    if not months:
        return None
    day = times.astype("datetime64[D]") - times.astype("datetime64[M]")
    if month_end(times).all():
        end = "E"
    elif (day == day[0]).all() and int(day[0].astype(int)) < 28:
        end = "S"
    else:
        return None
    return Frequency(_month_alias(months[0], end, times[0]))


def _month_alias(months: int, end: str, time: np.datetime64) -> str:
    month = int(time.astype("datetime64[M]").astype(int)) % 12
    count = "" if months in {1, 3, 12} else str(months if months % 12 else months // 12)
    if months % 12 == 0:
        usual = 0 if end == "S" else 11
        return f"{count}Y{end}" + (f"-{MONTH_NAMES[month]}" if month != usual else "")
    if months == 3:
        usual = 0 if end == "S" else 2
        return f"Q{end}" + (f"-{MONTH_NAMES[month % 3 + 9 if end == 'E' else month % 3]}" if month % 3 != usual else "")
    return f"{count}M{end}"


def _business_days(days: np.ndarray, pairs: tuple[np.ndarray, np.ndarray], step: int) -> Frequency | None:
    """Tell business days from days: no time falls on a weekend, and neighbours lie on both sides of one."""
    if step != DAY or not np.is_busday(days).all():
        return None
    before, after = pairs
    return Frequency("B") if (np.busday_count(before, after) < (after - before).astype(np.int64)).any() else None


def _fixed(times: np.ndarray, step: int) -> Frequency:
    unit = next(unit for unit in reversed(FIXED) if step % FIXED[unit] == 0)
    count = step // FIXED[unit]
    weekday = (int(times[0].astype("datetime64[D]").astype(int)) + 3) % 7  # 1970-01-01 was a Thursday
    anchor = f"-{DAY_NAMES[weekday]}" if unit == "W" else ""
    return Frequency(f"{count if count > 1 else ''}{unit}{anchor}")
