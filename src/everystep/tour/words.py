"""The few marks that the tour's prose uses, turned into HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence

from everystep.pages import Markup, escape

_MARKS = re.compile(r"\*\*(?P<strong>[^*]+)\*\*|`(?P<code>[^`]+)`|\^(?P<sup>[-−]?\w+(?:\.\d+)?|\([^)]+\))")
_SCIENTIFIC = re.compile(r"(?<=\d)e([-+]\d+)\b")


def paragraphs(prose: Sequence[str]) -> Markup:
    """Set paragraphs: ``**strong**``, ```code```, ``10^-3``, and four spaces before the lines of an equation.

    Args:
        prose: Plain text; whatever HTML it holds is shown, not obeyed.

    Returns:
        The paragraphs.

    Example:
        >>> from everystep.tour.words import paragraphs
        >>> print(paragraphs(["**A < B** in `code`, W^(t-k), 3e-12", "    y = V s"]))
        <p><strong>A &lt; B</strong> in <code>code</code>, W<sup>t-k</sup>, 3×10<sup>−12</sup></p>
        <p class="equation">y = V s</p>
    """
    return Markup("\n").join(_equation(text) if text.startswith("    ") else _paragraph(text) for text in prose)


def _paragraph(text: str) -> Markup:
    return Markup("<p>{}</p>").format(Markup("").join(_inline(text)))


def _equation(text: str) -> Markup:
    lines = [escape(line.strip()) for line in text.splitlines() if line.strip()]
    return Markup('<p class="equation">{}</p>').format(Markup("<br>").join(lines))


def _inline(text: str) -> list[Markup]:
    text = _SCIENTIFIC.sub(lambda power: f"×10^{int(power[1])}", text).replace("10^-", "10^−")
    parts, last = [], 0
    for mark in _MARKS.finditer(text):
        tag = str(mark.lastgroup)
        parts += [escape(text[last : mark.start()]), Markup(f"<{tag}>{{}}</{tag}>").format(mark[tag].strip("()"))]
        last = mark.end()
    return [*parts, escape(text[last:])]
