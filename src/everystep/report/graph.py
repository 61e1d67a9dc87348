"""The graph that was unrolled to train the cell: as many steps of it as the screen has room for."""

from __future__ import annotations

import re
from typing import Any

from everystep.cell import Cell
from everystep.draw import draw
from everystep.pages import NARROW, WIDE, Markup, embed, figure_of

MOST_STEPS = 5
NARROW_STEPS = 3
_SMALLEST_SCALE = 12 / 13  # the drawing's smallest text is 13 px, the page's is 12


def graph_part(cell: Cell[Any]) -> Markup:
    """Draw the folded cell and the unrolled graph."""
    wide, steps = _fitting(cell)
    kind = type(cell).__name__
    pictures = [
        embed(svg, title=f"{kind}, unrolled", alt=_alt(kind, n), classes=f"chart natural {screen.name}")
        for svg, n, screen in ((wide, steps, WIDE), (draw(cell, T=NARROW_STEPS).narrow, NARROW_STEPS, NARROW))
    ]
    return Markup("<h3>The unrolled graph</h3>\n<p>{}</p>\n{}").format(
        "The same step with the same parameters at every time: lines drawn alike are one parameter. "
        "Gradients flow back along these lines.",
        figure_of(Markup("\n").join(pictures)),
    )


def _fitting(cell: Cell[Any]) -> tuple[str, int]:
    """Draw as many steps as fit without making the text too small, at least one."""
    for steps in range(MOST_STEPS, 1, -1):
        svg = draw(cell, T=steps).wide
        width = re.search(r'\bwidth="([\d.]+)"', svg)
        if width is not None and float(width.group(1)) * _SMALLEST_SCALE <= WIDE.width:
            return svg, steps
    return draw(cell, T=1).wide, 1


def _alt(kind: str, steps: int) -> str:
    return f"{kind} as one folded cell, and unrolled over {steps} steps."
