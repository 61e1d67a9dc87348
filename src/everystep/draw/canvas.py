"""SVG written element by element.

No ids, no style sheet and no style attribute: several drawings can stand in one page, under a strict content-security
policy, without one changing another. Arrow heads are therefore drawn, not referred to as markers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from everystep.draw.ink import INK, PAPER
from everystep.draw.lettering import SMALL, Run
from everystep.pages.labels import label

SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
SERIF = "'STIX Two Text', 'Cambria Math', Cambria, 'Times New Roman', Times, serif"

Point = tuple[float, float]


class Canvas:
    """Collects elements in drawing order."""

    def __init__(self) -> None:
        self._elements: list[str] = []

    def add(self, tag: str, content: str = "", **attributes: object) -> None:
        """Add one element; ``_`` in an attribute's name stands for ``-``."""
        written = "".join(
            f' {key.replace("_", "-")}="{escape(_value(value))}"' for key, value in attributes.items() if value != ""
        )
        self._elements.append(f"<{tag}{written}>{content}</{tag}>" if content else f"<{tag}{written}/>")

    def text(
        self,
        at: Point,
        runs: Sequence[Run] | str,
        *,
        size: float = SMALL,
        anchor: str = "middle",
        fill: str = INK,
        weight: str = "",
        halo: float = 0,
    ) -> None:
        """Write text on a baseline; ``halo`` keeps lines behind it at a distance."""
        runs = [Run(runs)] if isinstance(runs, str) else runs
        around = {"stroke": PAPER, "stroke_width": halo, "stroke_linejoin": "round", "paint_order": "stroke"}
        self.add(
            "text",
            _tspans(runs, size),
            x=at[0],
            y=at[1],
            font_family=SANS,
            font_size=size,
            font_weight=weight,
            text_anchor=anchor,
            fill=fill,
            **(around if halo else {}),
        )

    def curve(
        self, points: Sequence[Point], *, stroke: str, width: float = 2, dash: str = "", opacity: object = ""
    ) -> None:
        """Draw a line (two points) or a cubic curve (four)."""
        first, *rest = [f"{_value(x)} {_value(y)}" for x, y in points]
        path = f"M{first} {'C' if len(rest) == 3 else 'L'}{', '.join(rest)}"
        cap = "round" if dash.startswith("0.1") else ""  # dashes of no length are dots
        self.add(
            "path", d=path, fill="none", stroke=stroke, stroke_width=width, stroke_dasharray=dash, stroke_linecap=cap,
            opacity=opacity,
        )  # fmt: skip

    def polygon(self, corners: Sequence[Point], **attributes: object) -> None:
        """Draw an area."""
        self.add("polygon", "", points=" ".join(f"{_value(x)},{_value(y)}" for x, y in corners), **attributes)

    def head(
        self, tip: Point, towards: float, *, fill: str, length: float = 10, width: float = 9, opacity: object = ""
    ) -> None:
        """Draw an arrow head: its tip, and the direction it points in, in radians."""
        back = (tip[0] - length * math.cos(towards), tip[1] - length * math.sin(towards))
        side = (-math.sin(towards) * width / 2, math.cos(towards) * width / 2)
        corners = [tip, (back[0] + side[0], back[1] + side[1]), (back[0] - side[0], back[1] - side[1])]
        self.polygon(corners, fill=fill, opacity=opacity)

    def svg(self, size: Point, title: str, description: str) -> str:
        """Close the drawing."""
        wide, high = (_value(math.ceil(length - 0.01)) for length in size)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}" '
            f'role="img">'
            f"<title>{escape(label(title, 200))}</title><desc>{escape(label(description, 2000))}</desc>"
            f'<rect width="{wide}" height="{high}" fill="{PAPER}"/>{"".join(self._elements)}</svg>'
        )


def _value(value: object) -> str:
    """Write a number with at most one decimal, so that the same drawing has the same bytes everywhere."""
    if not isinstance(value, float):
        return str(value)
    written = f"{value:.1f}".removesuffix(".0")
    return "0" if written == "-0" else written


def _tspans(runs: Sequence[Run], size: float) -> str:
    written = []
    for i, run in enumerate(runs):
        after_subscript = i > 0 and runs[i - 1].subscript
        attributes = {
            "font-family": SERIF if run.serif else "",
            "font-style": "italic" if run.italic else "",
            "font-size": str(SMALL) if run.subscript and size > SMALL else "",
            "dy": "4" if run.subscript else "-4" if after_subscript else "",
        }
        chosen = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items() if value)
        text = escape(run.text, quote=False)
        written.append(f"<tspan{chosen}>{text}</tspan>" if chosen else text)
    return "".join(written)
