"""What was left out, and where the first of it is: nothing is lost without a word."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LeftOut:
    """Pairs that were left out for one reason.

    Example:
        >>> from everystep.text import LeftOut
        >>> print(LeftOut("the target is empty", 2, "train.de: line 7"))
        2 pairs left out because the target is empty; the first is train.de: line 7.
    """

    reason: str
    count: int
    first: str  # where the first of them is

    def __str__(self) -> str:
        pairs = "1 pair" if self.count == 1 else f"{self.count:,} pairs"
        return f"{pairs} left out because {self.reason}; the first is {self.first}."


def left_out(reason: str, places: list[str]) -> tuple[LeftOut, ...]:
    """Make the note for the places of what was left out; none where nothing was."""
    return (LeftOut(reason, len(places), places[0]),) if places else ()
