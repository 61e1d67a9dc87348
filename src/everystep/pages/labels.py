"""Labels that came from outside, made fit to be shown: no control characters, no endless names."""

from __future__ import annotations

import unicodedata

TEXT = 13  # px of a picture's text, so that a phone 20 px narrower than 390 still shows 12

# Characters that turn the writing direction of everything after them.
_TURNS = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}


def label(text: object, limit: int = 60) -> str:
    """Make one line of printable text, shortened in its middle.

    It does not escape: markup is made by ``Markup.format`` and by the SVG writer, and both escape.

    Args:
        text: Anything with a ``str``.
        limit: Most characters to keep, 3 or more.

    Returns:
        The label; a middle that was cut out is marked by an ellipsis.

    Example:
        >>> from everystep.pages import label
        >>> label("a very long name of a series", limit=11)
        'a ver…eries'
    """
    line = " ".join("".join(map(_printable, str(text))).split())
    if len(line) <= limit:
        return line
    head = limit // 2
    return f"{line[:head].rstrip()}…{line[head + 1 - limit :].lstrip()}"


def fit(text: object, ems: float) -> str:
    """Shorten a label in its middle until it is surely no wider than so many times its font size.

    Args:
        text: Anything with a ``str``.
        ems: The room, in units of the font size, 3 or more.

    Returns:
        The label.

    Example:
        >>> from everystep.pages.labels import fit
        >>> fit("seasonal naive", 10), fit("WWWWWWWWWWWWWW", 10)
        ('seasonal naive', 'WWWW…WWWW')
    """
    shown = line = label(text, limit=200)
    while sum(map(_em, shown)) > ems:
        shown = label(line, limit=len(shown) - 1)
    return shown


def _em(character: str) -> float:
    """Bound a letter's width in the fonts of browsers, in units of the font size."""
    if unicodedata.east_asian_width(character) in {"W", "F"} or character in "WMmw@%…":
        return 1.05
    if character in "iljtfrI.,:;'|!()[]- ":
        return 0.42
    return 0.85 if character.isupper() or character in "<>+=#&~" else 0.66


def _printable(character: str) -> str:
    if character.isspace():
        return " "
    hidden = unicodedata.category(character) in {"Cc", "Cs"} or character in _TURNS
    return "\ufffd" if hidden or character in {"\ufffe", "\uffff"} else character
