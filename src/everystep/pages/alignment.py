"""What was looked at while each symbol was said: a matrix of weights between two named sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from everystep.pages.axes import plot_area
from everystep.pages.canvas import Screen, chart
from everystep.pages.heat import NAME, inked, name_ticks
from everystep.pages.labels import fit
from everystep.pages.svg import CLASS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINE = 20  # px of a row


def alignment_chart(
    weights: NDArray[Any],
    read: Sequence[str],
    said: Sequence[str],
    *,
    title: str,
    alt: str,
    heading: str = "",
    caption: Markup | str = "",
) -> Markup:
    """Draw attention: a row for each symbol that was said, a column for each that was read, full ink for all of it.

    Args:
        weights: (said, read), 0 to 1.
        read: Names of the columns.
        said: Names of the rows, from top to bottom.
        title: A short name, read aloud.
        alt: What the picture shows, for readers who can't see it.
        heading: A line above the picture.
        caption: Text under it.

    Returns:
        The ``<figure>`` element.
    """

    def paint(figure: Figure, screen: Screen) -> None:
        axes = plot_area(figure)
        extent = (0.5, len(read) + 0.5, len(said) + 0.5, 0.5)
        axes.imshow(inked(weights), aspect="auto", interpolation="none", extent=extent, gid=f"{CLASS}ink")
        # a short sentence is not stretched: its cells are no wider than three lines are high
        axes.set_xlim(0.5, max(len(read), np.ceil(screen.width / (3 * LINE))) + 0.5)
        axes.set_yticks(range(1, len(said) + 1), [fit(name, NAME) for name in said])
        axes.grid(visible=False)
        axes.spines["bottom"].set_visible(False)
        name_ticks(axes, read, screen)

    height = LINE * len(said) + 13 * NAME + 12
    return chart(paint, title=title, alt=alt, heights=(height, height), heading=heading, caption=caption)
