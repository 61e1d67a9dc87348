"""Numbers and names as they are written into a drawing, and how much room they take."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from everystep.pages.labels import label

SMALL = 13  # the smallest text there is, in pixels
MATH = 17


@dataclass(frozen=True)
class Run:
    """A stretch of text in one style."""

    text: str
    italic: bool = False
    serif: bool = False
    subscript: bool = False


def number(value: float) -> str:
    """Write a number in at most six characters.

    Example:
        >>> from everystep.draw.lettering import number
        >>> [number(v) for v in (3.0, -0.3333, 12.34, 0.0004, 123456.0)]
        ['3', '−0.33', '12.3', '4e−4', '1e5']
    """
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "∞" if value > 0 else "−∞"
    size = abs(value)
    if value == 0:
        return "0"
    if size < 0.00995 or size >= 9999.5:
        mantissa, exponent = f"{value:.0e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    places = 2 if size < 9.995 else 1 if size < 99.95 else 0
    return f"{value:.{places}f}".rstrip("0" if places else " ").rstrip(".").replace("-", "−")


def name(text: str) -> list[Run]:
    """Set a name: one letter (with an index) as mathematics, anything longer upright."""
    text = label(text)
    letter = re.fullmatch(r"([^\W\d_])(?:_?(\w{1,3}))?", text)
    if letter is None or (letter[2] and "_" not in text and not letter[2].isdigit()):
        return [Run(text)]
    return [Run(letter[1], italic=True, serif=True)] + (
        [Run(letter[2], serif=True, subscript=True)] if letter[2] else []
    )


def names(texts: Sequence[str]) -> list[Run]:
    """Set several names with commas between them."""
    runs: list[Run] = []
    for i, text in enumerate(texts):
        runs += ([Run(", ")] if i else []) + name(text)
    return runs


def at_time(parts: Sequence[str], t: int | str) -> list[Run]:
    """Set names at a time: h(3), c(3), or h(t)."""
    time = [Run("(", serif=True), Run(str(t), italic=True, serif=True), Run(")", serif=True)]
    runs: list[Run] = []
    for i, part in enumerate(parts):
        runs += [Run(", ", serif=True)] if i else []
        runs += [*name(part), *(time if isinstance(t, str) else [Run(f"({t})", serif=True)])]
    return runs


def label_size(runs: Sequence[Run]) -> int:
    """Choose the size of a label: words are set smaller than letters."""
    return MATH - 1 if all(run.serif for run in runs) else SMALL + 1


def width(runs: Sequence[Run] | str, size: float) -> float:
    """Estimate the width of text from above: the widest of the usual system fonts."""
    if isinstance(runs, str):
        runs = [Run(runs)]
    return sum(_width(run, SMALL if run.subscript else size) for run in runs)


def _width(run: Run, size: float) -> float:
    return sum(_em(char, serif=run.serif) for char in run.text) * size


def _em(char: str, *, serif: bool) -> float:
    if serif and (char.isdigit() or char in "()"):
        return 0.5 if char.isdigit() else 0.34
    if unicodedata.east_asian_width(char) in {"W", "F"}:
        return 1.0
    if char in "iljt.,:;'|!()[] f":
        return 0.36 if serif else 0.4
    if char in "mwMW…@%":
        return 0.9 if serif else 1.0
    return (0.72 if char.isupper() else 0.53) if serif else (0.72 if char.isupper() else 0.64)
