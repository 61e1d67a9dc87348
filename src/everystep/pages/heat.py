"""Heat maps over time: one strip per gate, paper for 0 and full ink for 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from everystep.pages.axes import name_below, number_ticks, plot_area
from everystep.pages.canvas import Screen, chart
from everystep.pages.palette import colour

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[Any]


@dataclass(frozen=True)
class Panel:
    """One strip of a heat map.

    Attributes:
        name: What it shows, set above it.
        values: (rows, steps), from top to bottom.
        low: The value drawn as bare paper.
        high: The value drawn in full ink.
    """

    name: str
    values: Array
    low: float = 0.0
    high: float = 1.0


def heat_chart(
    panels: Sequence[Panel],
    *,
    title: str,
    alt: str,
    x_name: str = "step",
    heading: str = "",
    caption: Markup | str = "",
) -> Markup:
    """Draw strips of values over a common time, one row per unit.

    Args:
        panels: The strips, from top to bottom.
        title: A short name, read aloud.
        alt: What the picture shows, for readers who can't see it.
        x_name: What the columns are.
        heading: A line above the picture.
        caption: Text under it.

    Returns:
        The ``<figure>`` element.
    """
    sizes = [strip_height(len(panel.values)) for panel in panels]

    def paint(figure: Figure, screen: Screen) -> None:
        grid = figure.add_gridspec(len(panels), 1, height_ratios=sizes)
        for place, panel in enumerate(panels):
            axes = plot_area(figure, grid[place], title=panel.name)
            _draw_strip(axes, panel)
            number_ticks(axes.xaxis, screen.ticks, whole=True)
            axes.tick_params(axis="x", labelbottom=place == len(panels) - 1)
        name_below(figure.axes[-1], x_name)

    height = sum(sizes) + 34 * len(panels) + 46
    return chart(paint, title=title, alt=alt, heights=(height, height), heading=heading, caption=caption)


def strip_height(rows: int) -> int:
    """Give the pixels of a strip: enough to see a row, never a wall of them."""
    return int(np.clip(12 * rows, 16, 130))


def _draw_strip(axes: Any, panel: Panel) -> None:
    rows, steps = panel.values.shape
    ink = np.zeros((rows, steps, 4))
    ink[..., :3] = [int(colour("gate")[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    ink[..., 3] = np.clip((panel.values - panel.low) / ((panel.high - panel.low) or 1.0), 0, 1)
    axes.imshow(ink, aspect="auto", interpolation="none", extent=(0.5, steps + 0.5, rows + 0.5, 0.5))
    axes.set_yticks([])
    axes.grid(visible=False)
