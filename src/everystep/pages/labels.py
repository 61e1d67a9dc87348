"""Labels that came from outside, made fit to be shown: no control characters, no endless names."""

from __future__ import annotations

import unicodedata

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


def _printable(character: str) -> str:
    if character.isspace():
        return " "
    hidden = unicodedata.category(character) in {"Cc", "Cs"} or character in _TURNS
    return "\ufffd" if hidden or character in {"\ufffe", "\uffff"} else character
