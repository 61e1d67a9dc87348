"""How messages and notes write counts and times."""

from __future__ import annotations

from typing import Any

import numpy as np

IRREGULAR = {"series": "series", "category": "categories"}


def counted(number: int, noun: str) -> str:
    """Write a number with its noun: ``1 row``, ``1,000 rows``."""
    return f"{number:,} {noun if number == 1 else IRREGULAR.get(noun, noun + 's')}"


def show_time(time: Any) -> str:
    """Write a time as short as it can be: a day without its clock where that shows midnight."""
    if not isinstance(time, np.datetime64):
        return str(time)
    seconds = time.astype("datetime64[s]")
    if seconds != time:
        return str(time).replace("T", " ")
    return str(seconds).replace("T", " ").removesuffix(" 00:00:00")


def clock_hint(timezone: str | None, wrong: str) -> str:
    """Point to the other way of reading offsets from UTC, where the one taken may be the trouble."""
    if timezone != wrong:
        return ""
    if timezone == "UTC":
        return ' Instants of local midnights move with the clock changes: timezone="local" keeps days whole.'
    return ' Clock changes leave out an hour and repeat another: timezone="utc" does not.'
