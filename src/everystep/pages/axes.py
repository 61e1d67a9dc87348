"""Axes in the house style, and what may stand on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from everystep.pages.labels import TEXT, fit
from everystep.pages.numerals import tick
from everystep.pages.palette import colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Mark:
    """An upright hairline at x with a short name above it."""

    x: Any
    name: str


def plot_area(figure: Figure, *where: Any, title: str = "", marked: bool = False, **how: Any) -> Axes:
    """Add axes in the house style: a baseline, faint rules, no box, the unit above instead of beside.

    Args:
        figure: The figure to add them to.
        where: As for ``Figure.add_subplot``.
        title: What the upright axis measures, set above it.
        marked: True to leave a line between title and axes for the names of marks.
        how: As for ``Figure.add_subplot``.

    Returns:
        The axes.
    """
    axes = figure.add_subplot(*where, **how)
    axes.set_facecolor("none")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(colour("quiet"))
    axes.tick_params(axis="both", colors=colour("quiet"), length=0, pad=5)
    axes.tick_params(axis="x", length=4, width=0.8)
    axes.grid(axis="y", color=colour("rule"), linewidth=0.8)
    axes.set_axisbelow(True)
    if title:
        _set_title(axes, fit(title, figure.bbox.width / TEXT - 1), above=25 if marked else 7)
    return axes


def _set_title(axes: Axes, text: str, above: int) -> None:
    """Set a title at the left edge of the picture, where page and tick labels begin; the axes keep room for it."""
    axes.set_title(" ", pad=above)
    title = axes.annotate(
        text,
        (0, 1),
        (3, above),
        xycoords=("figure fraction", "axes fraction"),
        textcoords="offset points",
        color=colour("quiet"),
        annotation_clip=False,
    )
    title.set_in_layout(False)


def name_below(axes: Axes, text: str) -> None:
    """Say what the bottom axis measures."""
    axes.set_xlabel(fit(text, min(30.0, axes.figure.bbox.width / TEXT - 8)), color=colour("quiet"), labelpad=5)


def draw_mark(axes: Axes, mark: Mark) -> None:
    """Draw a mark, its name on the side where there is room; the axes have their limits already."""
    axes.axvline(mark.x, color=colour("quiet"), linewidth=0.8, zorder=1)
    low, high = axes.get_xlim()
    right = axes.convert_xunits(mark.x) > low + 0.6 * (high - low)
    axes.annotate(
        fit(mark.name, min(13.0, 0.36 * axes.figure.bbox.width / TEXT)),
        (mark.x, 1),
        (0, 5),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right" if right else "left",
        color=colour("quiet"),
    )


def number_ticks(axis: Axis, count: int, *, whole: bool = False) -> None:
    """Put about ``count`` round numbers on an axis, whole ones only if asked."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(count, steps=[1, 2, 2.5, 5, 10], integer=whole))
    axis.set_major_formatter(
        FuncFormatter(lambda value, _: tick(value, axis.get_majorticklocs().tolist(), whole=whole))
    )


def log_ticks(axis: Axis) -> None:
    """Put powers of ten on a logarithmic axis that has its limits, and their doubles and halves where there is room."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    subs = (1.0, 2.0, 5.0) if high < 30 * low else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=7))
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value, [0.0, value])))
    axis.set_minor_formatter(NullFormatter())
    axis.set_tick_params(which="minor", length=0)


def date_ticks(axis: Axis, count: int) -> None:
    """Put about ``count`` dates on an axis, 5 or more, each as short as its neighbours allow."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=2, maxticks=count)
    axis.set_major_locator(locator)
    axis.set_major_formatter(ConciseDateFormatter(locator))
    axis.get_offset_text().set_color(colour("quiet"))


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move labels apart so that no two are closer than ``gap``, each as near its place as it can be.

    Args:
        places: Where the labels want to be, in any order.
        gap: The least distance.
        low: The lowest place a label may take.
        high: The highest; ``high - low`` has room for all of them.

    Returns:
        Where they go, in the order given.

    Example:
        >>> from everystep.pages.axes import spread
        >>> [round(place, 3) for place in spread([0.5, 0.5, 0.1], gap=0.2, low=0.0, high=1.0)]
        [0.4, 0.6, 0.1]
    """
    order = sorted(range(len(places)), key=lambda i: places[i])
    blocks: list[tuple[float, list[int]]] = []  # the wish of a block of touching labels, and its members
    for i in order:
        block = (places[i], [i])
        while blocks and _bottom(block, gap, low, high) < _top(blocks[-1], gap, low, high) + gap - 1e-9:
            block = _joined(blocks.pop(), block)
        blocks.append(block)
    found = {i: _bottom(b, gap, low, high) + gap * k for b in blocks for k, i in enumerate(b[1])}
    return [found[i] for i in range(len(places))]


def _bottom(block: tuple[float, list[int]], gap: float, low: float, high: float) -> float:
    length = gap * (len(block[1]) - 1)
    return max(low, min(block[0] - length / 2, high - length))


def _top(block: tuple[float, list[int]], gap: float, low: float, high: float) -> float:
    return _bottom(block, gap, low, high) + gap * (len(block[1]) - 1)


def _joined(below: tuple[float, list[int]], above: tuple[float, list[int]]) -> tuple[float, list[int]]:
    n, m = len(below[1]), len(above[1])
    return (n * below[0] + m * above[0]) / (n + m), below[1] + above[1]
