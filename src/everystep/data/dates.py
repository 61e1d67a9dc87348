"""Parse dates as people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from everystep.data.guess import guess_frequency

DAYS_FIRST = ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d/%m/%y", "%d-%m-%y", "%d.%m.%y")
MONTHS_FIRST = ("%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y", "%m-%d-%y")
NAMED = (
    "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d %Y", "%b %d, %Y", "%B %d, %Y",
    "%b %Y", "%B %Y", "%b-%Y", "%Y %b", "%b-%y",
)  # fmt: skip
OTHER = ("%Y/%m/%d", "%Y.%m.%d", "%Y/%m", "%m/%Y", "%YM%m")
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S")
OFFSET = r"(?:[T ]\d\d.*?)\s*(Z|[+-]\d\d(?::?\d\d)?)$"
QUARTER = r"(\d{4})[- ]?Q([1-4])"


@dataclass(frozen=True)
class Dates:
    """Parsed dates: instants where offsets were given."""

    values: np.ndarray  # datetime64 of any unit; in UTC where there are offsets
    offsets: np.ndarray | None = None  # timedelta64[s] from UTC, NaT where a date has none; None where none has
    note: str = ""


class UnreadableDateError(ValueError):
    """Texts can't be read as dates, one of them first of all, or can be read in two ways."""

    def __init__(self, message: str, index: int = 0, ambiguous: bool = False) -> None:
        super().__init__(message)
        self.index = index
        self.ambiguous = ambiguous


def parse_dates(texts: np.ndarray) -> Dates:
    """Parse texts as dates in one common form.

    Args:
        texts: (n,) object array of texts that differ, none empty, in the order of the data.

    Raises:
        UnreadableDateError: if there is no such form, or more than one.
    """
    dates = _iso(texts) or _quarters(texts)
    if dates is not None:
        return dates
    parsed = {form: values for form in _forms(texts[0]) if (values := _parse(texts, form)) is not None}
    if not parsed:
        raise _culprit(texts)
    form = _choose(parsed) if len(parsed) > 1 else next(iter(parsed))
    return Dates(parsed[form], note=f"dates were read as {_spoken(form)}.")


def _iso(texts: np.ndarray) -> Dates | None:
    import pandas as pd

    # a first text of digits alone would pass as a year; a sign or "12" would too
    if not re.match(r"\d{4}-?\d\d", texts[0]):
        return None
    texts = np.array([re.sub(r" UTC$", "Z", text) for text in texts], dtype=object)
    try:
        index = pd.to_datetime(texts, format="ISO8601")
        if isinstance(index, pd.DatetimeIndex) and index.tz is None:
            return Dates(index.to_numpy())
    except ValueError:
        pass  # mixed offsets come here too
    try:
        index = pd.to_datetime(texts, format="ISO8601", utc=True)
    except ValueError:
        return None
    return Dates(index.tz_localize(None).to_numpy(), _offsets(texts))


def _offsets(texts: np.ndarray) -> np.ndarray:
    found = [re.search(OFFSET, text) for text in texts]
    return np.array(
        [np.timedelta64("NaT") if match is None else _offset(match[1]) for match in found], "timedelta64[s]"
    )


def _offset(text: str) -> np.timedelta64:
    if text == "Z":
        return np.timedelta64(0, "s")
    digits = text[1:].replace(":", "").ljust(4, "0")
    seconds = 3600 * int(digits[:2]) + 60 * int(digits[2:])
    return np.timedelta64(-seconds if text[0] == "-" else seconds, "s")


def _quarters(texts: np.ndarray) -> Dates | None:
    found = [re.fullmatch(QUARTER, text) for text in texts]
    if not all(found):
        return None
    months = [12 * (int(match[1]) - 1970) + 3 * (int(match[2]) - 1) for match in found if match]
    return Dates(np.array(months, dtype="datetime64[M]"), note="quarters were read as their first day.")


def _forms(text: str) -> list[str]:
    return [
        date + clock
        for date in (*OTHER, *NAMED, *DAYS_FIRST, *MONTHS_FIRST)
        for clock in CLOCKS
        if _parse(np.array([text], dtype=object), date + clock) is not None
    ]


def _parse(texts: np.ndarray, form: str) -> np.ndarray | None:
    import pandas as pd

    try:
        return pd.to_datetime(texts, format=form).to_numpy()
    except ValueError:
        return None


def _choose(parsed: dict[str, np.ndarray]) -> str:
    """Of several ways to read the dates (3/4 is in March or in April), take the one that makes an even series."""
    even = [form for form, values in parsed.items() if _is_even(values)]
    if not even or any((parsed[form] != parsed[even[0]]).any() for form in even):
        readings = " or ".join(_spoken(form) for form in parsed)
        raise UnreadableDateError(f"the dates may be read as {readings}; write them as 2024-01-31.", ambiguous=True)
    return even[0]


def _is_even(values: np.ndarray) -> bool:
    times = np.unique(values.astype("datetime64[ns]"))
    freq = guess_frequency(times, np.zeros(len(times), dtype=np.int64))
    if freq is None:
        return False
    steps, on_grid = freq.steps(times[0], times)
    return bool(on_grid.all() and (np.diff(steps) == 1).all())


def _culprit(texts: np.ndarray) -> UnreadableDateError:
    """Name the first text that fails under the form that most of them have."""
    import pandas as pd

    readings = [
        pd.to_datetime(texts, format=form, errors="coerce", utc=True) for form in ("ISO8601", *_forms(texts[0]))
    ]
    failed = min((np.asarray(reading.isna()) for reading in readings), key=lambda bad: int(bad.sum()))
    index = int(np.argmax(failed))
    like = "" if failed[0] else f', or not written like the first, "{texts[0]}"'
    return UnreadableDateError(f'"{texts[index]}" is not a time{like}.', index)


def _spoken(form: str) -> str:
    words = {"%d": "day", "%m": "month", "%Y": "year", "%y": "year", "%b": "month", "%B": "month"}
    return re.sub(r"%[a-zA-Z]", lambda match: words.get(match[0], match[0]), re.split(r"[ T]%[HI]", form)[0])
