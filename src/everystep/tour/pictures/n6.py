"""N6: the folded cell and the unrolled graph, side by side."""

from __future__ import annotations

from everystep.pages import Markup, embed, figure_of
from everystep.tour.item import Item
from everystep.tour.pictures.picture import Picture, standing_alone

TITLE = "The folded cell, and the same cell unrolled over five steps"


def pictures(item: Item) -> list[Picture]:
    """Show what ``everystep.draw`` drew, for wide and for narrow screens."""
    alt = (
        f"Left the cell with its loop. Right {item.figures['nodes']} nodes with their values and "
        f"{item.figures['edges']} edges with their parameters, W, U and V the same at every step, and the gradient "
        "of y(5) flowing back."
    )
    wide, narrow = (
        embed(item.data[screen], title=TITLE, alt=alt, classes=f"chart {screen}") for screen in ("wide", "narrow")
    )
    return [Picture("n6", figure_of(Markup("\n").join([wide, narrow]), heading=TITLE), standing_alone(wide))]
