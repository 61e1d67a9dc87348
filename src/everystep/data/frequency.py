"""The step between two times, and the calendar arithmetic that goes with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from everystep.errors import DataError, counted, unknown

SECOND = 1_000_000_000  # in nanoseconds
DAY = 86_400 * SECOND
FIXED = {
    "ns": 1, "us": 1000, "ms": 10**6, "s": SECOND, "min": 60 * SECOND, "h": 3600 * SECOND, "D": DAY, "W": 7 * DAY,
}  # fmt: skip
MONTHS = {"MS": 1, "ME": 1, "QS": 3, "QE": 3, "YS": 12, "YE": 12}
OLD = {
    "H": "h", "T": "min", "S": "s", "L": "ms", "U": "us", "N": "ns", "d": "D", "w": "W", "b": "B",
    "M": "ME", "Q": "QE", "Y": "YE", "A": "YE", "AS": "YS",
}  # fmt: skip
WORDS = {
    "ns": "nanosecond", "us": "microsecond", "ms": "millisecond", "s": "second", "min": "minute", "h": "hour",
    "D": "day", "W": "week", "B": "business day", "MS": "month", "ME": "month", "QS": "quarter", "QE": "quarter",
    "YS": "year", "YE": "year", "": "unit",
}  # fmt: skip
MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAY_NAMES = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
FIRST, LAST = np.datetime64("1677-09-22", "ns"), np.datetime64("2262-04-11", "ns")  # what 64 bits of nanoseconds hold


@dataclass(frozen=True)
class Frequency:
    """The constant step of a series, as pandas writes it (``"15min"``, ``"W-SUN"``, ``"MS"``) or as a whole number.

    Weeks keep the weekday of the series, month and quarter starts its day of the month: the anchor behind the dash is
    for the reader.

    Args:
        alias: A pandas offset alias of seconds, minutes, hours, days, business days, weeks, months, quarters or years,
            with a number before it if need be; or a whole number for times that are whole numbers.

    Raises:
        UnknownNameError: if the alias is not known.

    Example:
        >>> import numpy as np
        >>> from everystep.data import Frequency
        >>> Frequency("ME").after(np.datetime64("2024-01-31"), 2).astype("datetime64[D]").tolist()
        [datetime.date(2024, 2, 29), datetime.date(2024, 3, 31)]
    """

    alias: str

    def __post_init__(self) -> None:
        match = re.fullmatch(r"(\d*)([A-Za-z]*)(-[A-Z]{3})?", self.alias)
        count, unit, anchor = match.groups() if match else ("", "", None)
        unit = unit if unit in FIXED or unit in MONTHS else OLD.get(unit, unit)
        known = (unit in FIXED or unit in MONTHS or unit == "B") or (unit == "" and count != "")
        if not known or count in {"0", "00"} or (anchor and unit not in {"W", "QS", "QE", "YS", "YE"}):
            raise unknown("data", "frequency", self.alias, [*FIXED, "B", *MONTHS, "a whole number"])
        if unit == "B" and count not in {"", "1"}:
            raise unknown("data", "frequency", self.alias, ["B"])
        object.__setattr__(self, "alias", f"{count if count != '1' or not unit else ''}{unit}{anchor or ''}")

    def __str__(self) -> str:
        return self.alias

    @property
    def words(self) -> str:
        """The step for people who don't know the aliases: ``"1 week"`` for ``"W-SAT"``."""
        return counted(self.count, WORDS[self.unit])

    @cached_property
    def count(self) -> int:
        """The number before the unit: 15 of ``"15min"``."""
        return int(re.match(r"\d*", self.alias)[0] or 1)  # type: ignore[index]

    @cached_property
    def unit(self) -> str:
        """The unit without number and anchor: ``"W"`` of ``"2W-SUN"``; empty for whole-number times."""
        return self.alias.lstrip("0123456789").split("-")[0]

    @property
    def whole(self) -> bool:
        """Whether times are whole numbers rather than dates."""
        return self.unit == ""

    @cached_property
    def nanoseconds(self) -> int | None:
        """The step in nanoseconds where it is always the same, else None."""
        return FIXED[self.unit] * self.count if self.unit in FIXED else None

    @cached_property
    def months(self) -> int | None:
        """The step in months where it is a number of months, else None."""
        return MONTHS[self.unit] * self.count if self.unit in MONTHS else None

    def steps(self, origin: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Count the steps from an origin to each time.

        Args:
            origin: Times that lie on the grid, one for each of ``times`` or one for all.
            times: Times, datetime64[ns] or int64, none before its origin.

        Returns:
            The whole number of steps, and whether each time lies on the grid exactly.
        """
        if self.whole:
            index, rest = np.divmod(times - origin, self.count)
            return index, rest == 0
        if self.nanoseconds is not None:
            # unsigned: more than 292 years apart, the signed difference of two nanosecond times overflows
            apart = times.astype(np.int64).astype(np.uint64) - origin.astype(np.int64).astype(np.uint64)
            index, rest = np.divmod(apart, np.uint64(self.nanoseconds))
            return index.astype(np.int64), rest == 0
        return self._business_days(origin, times) if self.unit == "B" else self._month_steps(origin, times)

    def _business_days(self, origin: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        days, first = times.astype("datetime64[D]"), origin.astype("datetime64[D]")
        on = np.is_busday(days) & (times - days == origin - first)
        return np.busday_count(first, days), on

    def _month_steps(self, origin: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert self.months is not None
        index, rest = np.divmod((_month(times) - _month(origin)).astype(np.int64), self.months)
        if self.unit.endswith("E"):
            same = month_end(times) & month_end(origin) & (_clock(times) == _clock(origin))
        else:
            same = times - _month(times) == origin - _month(origin)
        return index, (rest == 0) & same

    def at(self, origin: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Return the times that lie ``index`` steps after ``origin``: the inverse of :meth:`steps`.

        Raises:
            DataError: if a time lies beyond the year 2262, where 64 bits of nanoseconds end.
        """
        if self.whole:
            return origin + index * self.count
        if self.nanoseconds is not None:
            start = origin.astype(np.int64)
            if np.any(start.astype(float) + index.astype(float) * self.nanoseconds > float(LAST.astype(np.int64))):
                raise _beyond(self.alias)
            return (start + index * self.nanoseconds).astype("datetime64[ns]")  # wraps around and back where far apart
        if self.unit == "B":
            first = origin.astype("datetime64[D]")
            return _exact(np.busday_offset(first, index, roll="backward"), self.alias) + (origin - first)
        assert self.months is not None
        month = _month(origin) + index * self.months
        if self.unit.endswith("E"):
            return _exact((month + 1).astype("datetime64[D]") - 1, self.alias) + _clock(origin)
        return _exact(month.astype("datetime64[D]"), self.alias) + (origin - _month(origin))

    def after(self, last: np.datetime64 | int, steps: int) -> np.ndarray:
        """Return the next ``steps`` times after ``last``."""
        origin = np.asarray(last, dtype=np.int64 if self.whole else "datetime64[ns]")
        return self.at(origin, np.arange(1, steps + 1))


def month_end(times: np.ndarray) -> np.ndarray:
    """Say of each time whether it falls on the last day of its month."""
    days = times.astype("datetime64[D]")
    return (days + 1).astype("datetime64[M]") != days.astype("datetime64[M]")


def _month(times: np.ndarray) -> np.ndarray:
    return times.astype("datetime64[M]")


def _clock(times: np.ndarray) -> np.ndarray:
    return times - times.astype("datetime64[D]")


def _exact(days: np.ndarray, alias: str) -> np.ndarray:
    """Convert days to nanoseconds, which NumPy would let overflow without a word."""
    if np.size(days) and np.max(days) > LAST.astype("datetime64[D]") - 1:
        raise _beyond(alias)
    return days.astype("datetime64[ns]")


def _beyond(alias: str) -> DataError:
    return DataError(
        f"data: steps of {alias} lead beyond {str(LAST)[:10]}, the last day that nanosecond times can hold."
    )


def future_times(last: np.datetime64 | int, freq: Frequency, steps: int) -> np.ndarray:
    """Return the times that follow the last one.

    Args:
        last: The last known time: datetime64, or a whole number for times that are whole numbers.
        freq: The step.
        steps: How many times, at least 0.

    Returns:
        Array (steps,) of datetime64[ns] or int64.

    Example:
        >>> import numpy as np
        >>> from everystep.data import Frequency, future_times
        >>> future_times(np.datetime64("2024-03-01"), Frequency("B"), 3).astype("datetime64[D]").astype(str).tolist()
        ['2024-03-04', '2024-03-05', '2024-03-06']
    """
    return freq.after(last, steps)
