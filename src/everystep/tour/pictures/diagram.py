"""Nodes and arrows for small diagrams of networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everystep.pages import colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Place = tuple[float, float]


def sheet(figure: Figure, where: Any, width: float, height: float) -> Axes:
    """Add axes without axes: places run from 0 to width and from 0 to height."""
    axes = figure.add_subplot(where)
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    return axes


def node(axes: Axes, at: Place, text: str, role: str, *, size: float = 30) -> None:
    """Draw a circle with a word in it."""
    axes.plot(
        *at, "o", markersize=size, markerfacecolor=colour("paper"), markeredgecolor=colour(role), markeredgewidth=1.6,
        zorder=3, clip_on=False,
    )  # fmt: skip
    axes.annotate(text, at, ha="center", va="center", color=colour("ink"), zorder=4)


def arrow(axes: Axes, start: Place, end: Place, role: str, *, size: float = 30) -> None:
    """Draw an arrow between two nodes, from edge to edge."""
    axes.annotate(
        "", end, start,
        arrowprops={
            "arrowstyle": "-|>,head_length=0.45,head_width=0.2", "color": colour(role), "linewidth": 1.6,
            "shrinkA": size / 2 + 1, "shrinkB": size / 2 + 1, "mutation_scale": 14,
        },
        zorder=2,
    )  # fmt: skip


def word(axes: Axes, at: Place, text: str, role: str = "ink") -> None:
    """Write a word at a place."""
    axes.annotate(text, at, ha="center", va="center", color=colour(role))
