"""Dot charts: one figure per row on a common scale, its number beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from everystep.pages.axes import Mark, draw_mark, name_below, number_ticks, plot_area
from everystep.pages.canvas import Screen, chart
from everystep.pages.labels import fit
from everystep.pages.palette import colour

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Dot:
    """One row of a dot chart: a name, a value, and the text beside the dot."""

    name: str
    value: float
    text: str
    role: str = "baseline"


def dot_chart(
    dots: Sequence[Dot],
    *,
    title: str,
    alt: str,
    x_name: str = "",
    mark: Mark | None = None,
    heading: str = "",
    caption: Markup | str = "",
) -> Markup:
    """Draw one dot per row on a common scale from zero.

    Args:
        dots: The rows, from top to bottom.
        title: A short name, read aloud.
        alt: What the picture shows, for readers who can't see it.
        x_name: What the scale measures.
        mark: A value to compare with, as an upright hairline.
        heading: A line above the picture.
        caption: Text under it.

    Returns:
        The ``<figure>`` element.
    """

    def paint(figure: Figure, screen: Screen) -> None:
        axes = plot_area(figure)
        rows = list(range(len(dots)))
        for row, dot in zip(rows, dots, strict=True):
            axes.plot([0, dot.value], [row, row], color=colour("rule"), linewidth=1, zorder=1)
            axes.plot([dot.value], [row], "o", color=colour(dot.role), markersize=8, clip_on=False)
            axes.annotate(dot.text, (dot.value, row), (9, 0), textcoords="offset points", va="center",
                          color=colour("ink"))  # fmt: skip
        axes.set_yticks(rows, [fit(dot.name, screen.beside) for dot in dots])
        axes.tick_params(axis="y", labelcolor=colour("ink"), pad=10)
        axes.set_ylim(len(dots) - 0.4, -0.6 - 0.5 * (mark is not None))
        axes.set_xlim(0, max([dot.value for dot in dots if np.isfinite(dot.value)] + [1e-300]) * 1.02)
        axes.grid(visible=False)
        number_ticks(axes.xaxis, screen.ticks - 2)
        if x_name:
            name_below(axes, x_name)
        if mark is not None:
            draw_mark(axes, mark)

    height = 60 + 26 * len(dots)
    return chart(paint, title=title, alt=alt, heights=(height, height), heading=heading, caption=caption)
