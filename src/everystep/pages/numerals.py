"""Numbers as people read them: few digits, a true minus, powers of ten only where they are needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_NEAREST_PLAIN, _FARTHEST_PLAIN = 1e-4, 1e6


def number(value: float | None, digits: int = 3) -> str:
    """Write a number with so many significant digits.

    Args:
        value: The number; None or NaN becomes a dash.
        digits: Significant digits, 1 or more; whole numbers below a million keep all theirs.

    Returns:
        The text, for instance ``"0.0123"``, ``"12,345"`` or ``"1.23×10¹²"``.

    Example:
        >>> from everystep.pages import number
        >>> number(0.36071), number(-12345.6), number(1.234e12), number(None)
        ('0.361', '−12,346', '1.23×10¹²', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size and not _NEAREST_PLAIN <= size < _FARTHEST_PLAIN:
        return _power(value, digits - 1)
    places = 0 if size == 0 or value == int(value) else max(0, digits - 1 - math.floor(math.log10(size)))
    return _minus(f"{value:,.{places}f}")


def column(values: Sequence[float | None], digits: int = 3) -> list[str]:
    """Write the numbers of one column with the same decimals, so that their points stand under each other.

    Args:
        values: The numbers; None or NaN becomes a dash.
        digits: Significant digits of the smallest.

    Returns:
        The texts; each number by itself where they lie too many powers of ten apart.

    Example:
        >>> from everystep.pages.numerals import column
        >>> column([0.361, 12.0, None])
        ['0.361', '12.000', '–']
    """
    sizes = [abs(v) for v in values if v is not None and math.isfinite(v) and v]
    if not sizes or max(sizes) > 1e4 * min(sizes) or max(sizes) >= _FARTHEST_PLAIN or min(sizes) < _NEAREST_PLAIN:
        return [number(v, digits) for v in values]
    places = max(0, digits - 1 - math.floor(math.log10(min(sizes))))
    return [number(v) if v is None or not math.isfinite(v) else _minus(f"{v:,.{places}f}") for v in values]


def tick(value: float, ticks: Sequence[float], *, whole: bool = False) -> str:
    """Write one tick of an axis with just the digits that tell it from its neighbours.

    Args:
        value: The place of the tick.
        ticks: The places of all ticks of the axis.
        whole: True for whole numbers, which keep all their digits.

    Returns:
        The text; all ticks of one axis get the same number of decimals.
    """
    if whole:
        return _minus(f"{value:,.0f}")
    largest = max((abs(t) for t in ticks), default=0.0)
    steps = [b - a for a, b in pairwise(ticks) if b > a]
    step = min(steps, default=largest or 1.0)
    if largest and not _NEAREST_PLAIN * 10 <= largest < _FARTHEST_PLAIN:
        power = math.floor(math.log10(largest))
        return "0" if abs(value) < step / 2 else _power_of(value, power, _places(step / 10.0**power))
    return _minus(f"{value:,.{_places(step)}f}")


def _places(step: float) -> int:
    """Decimals that a multiple of this step needs, 10 at most: a millionth of 0.001, in quarters."""
    if step <= 0:
        return 0
    start = max(0, -math.floor(math.log10(step) + 1e-9))
    for places in range(start, 10):
        if abs(step * 10**places - round(step * 10**places)) < 1e-4:
            return places
    return 10


def _power(value: float, places: int) -> str:
    mantissa, exponent = f"{value:.{places}e}".split("e")
    return _minus(f"{mantissa}×10") + str(int(exponent)).translate(_RAISED)


def _power_of(value: float, power: int, places: int) -> str:
    return _minus(f"{value / 10.0**power:.{places}f}×10") + str(power).translate(_RAISED)


def _minus(text: str) -> str:
    return text.replace("-", "−")
