"""What each parameter is drawn with.

Every parameter has a colour and a dash of its own, so that it is told apart in grey too. Nodes stay neutral: colour
always means a parameter, and the one warm fill always means gradient. All colours are the palette's, so that a page can
turn them into those of a dark screen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from everystep.draw.dependence import Dependence, Link
from everystep.pages.palette import colour

PAPER, INK, QUIET, WASH, GRADIENT = map(colour, ("paper", "ink", "quiet", "wash", "gradient"))

Label = tuple[str, ...]  # the parameters along a connection


@dataclass(frozen=True)
class Stroke:
    """Colour and dash of a line."""

    colour: str
    dash: str = ""
    width: float = 2.2


_PLAIN = Stroke(QUIET, width=1.6)
_STROKES = {
    "W": Stroke(colour("W")),
    "U": Stroke(colour("U"), "8 4"),
    "V": Stroke(colour("V"), "0.1 4.5", 2.8),  # with round ends: dots
    "more": Stroke(colour("gate"), "12 3 3 3"),
    "still more": Stroke(colour("forecast"), "4 3"),
    "last": Stroke(colour("baseline"), "14 4"),
}


def strokes(step: Dependence) -> dict[Label, Stroke]:
    """Give each label of a step a stroke of its own; beyond six they repeat. One without parameters is quiet."""
    free = list(_STROKES)
    chosen: dict[Label, Stroke] = {(): _PLAIN}
    for link in sorted(step.links, key=lambda link: _role(step, link), reverse=True):
        if link.parameters not in chosen:
            role = _role(step, link) if _role(step, link) in free else free[0]
            free = [other for other in free if other != role] or list(_STROKES)
            chosen[link.parameters] = _STROKES[role]
    return chosen


def ordered(labels: Iterable[Label], chosen: dict[Label, Stroke]) -> list[Label]:
    """Order labels as W, U, V and the rest stand in the palette."""
    places = list(_STROKES.values())
    return sorted({label for label in labels if label}, key=lambda label: places.index(chosen[label]))


def _role(step: Dependence, link: Link) -> str:
    """Say what a connection is in the notes' letters."""
    return "W" if link.delayed else "U" if step.rows[link.source].kind == "input" else "V"
