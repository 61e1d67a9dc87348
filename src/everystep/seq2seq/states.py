"""States whose parts are known only when a cell is made."""

from __future__ import annotations

from collections import namedtuple
from functools import cache
from typing import Any


@cache
def named_state(*parts: str) -> Any:
    """Give the NamedTuple of these parts: one class, wherever it is asked for, that pickle finds by its parts."""
    made: Any = namedtuple("State", parts)  # noqa: PYI024 - the fields are known only now
    made.__qualname__ = "|".join(("State", *parts))
    return made


def __getattr__(name: str) -> Any:
    kind, *parts = name.split("|")
    if kind != "State" or not parts:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return named_state(*parts)
