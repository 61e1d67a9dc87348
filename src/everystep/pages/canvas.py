"""Drawing with matplotlib for the page: once for a wide screen, once for a narrow one, with real text.

matplotlib is loaded by the first drawing. Coordinates are CSS pixels: 72 dots an inch makes a point a pixel.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from everystep.errors import MissingExtraError
from everystep.pages.labels import label
from everystep.pages.numerals import tick
from everystep.pages.palette import colour
from everystep.pages.svg import embed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Screen:
    """What a drawing is made for.

    Attributes:
        name: ``"wide"`` or ``"narrow"``.
        width: Pixels of the drawing.
        ticks: About how many ticks fit along the bottom.
        letters: Most letters of a label beside the drawing.
    """

    name: str
    width: int
    ticks: int
    letters: int


WIDE = Screen("wide", 720, 7, 26)
NARROW = Screen("narrow", 342, 4, 14)
TEXT = 13  # px, so that a phone 20 px narrower than 390 still shows 12

Paint = Callable[["Figure", Screen], None]

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "everystep",
    "text.usetex": False,
    "text.parse_math": False,
    "font.family": "DejaVu Sans",  # wider than what browsers take, so that no label outgrows its room
    "font.size": TEXT,
    "axes.titlesize": TEXT,
    "axes.labelsize": TEXT,
    "xtick.labelsize": TEXT,
    "ytick.labelsize": TEXT,
    "axes.unicode_minus": True,
    "path.simplify": True,
    "figure.dpi": 72,
    "axes.xmargin": 0,
}


def svg(paint: Paint, screen: Screen, height: int, *, title: str, alt: str) -> Markup:
    """Draw one picture for one screen, as an SVG that is also a file of its own.

    Args:
        paint: Draws on the figure it is given.
        screen: ``WIDE`` or ``NARROW``.
        height: Pixels.
        title: A short name.
        alt: What the picture shows, for readers who can't see it.

    Returns:
        The SVG element.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    with _drawing():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(screen.width / 72, height / 72), dpi=72, layout="constrained", facecolor="none")
        figure.get_layout_engine().set(w_pad=2 / 72, h_pad=3 / 72, hspace=0, wspace=0)  # type: ignore[union-attr]
        paint(figure, screen)
        text = StringIO()
        figure.savefig(text, format="svg", dpi=72, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return embed(text.getvalue(), title=title, alt=alt, classes=f"chart {screen.name}")


def chart(
    paint: Paint,
    *,
    title: str,
    alt: str,
    heights: tuple[int, int] = (300, 260),
    heading: str = "",
    caption: Markup | str = "",
    key: Markup | str = "",
) -> Markup:
    """Make a figure of a page: the picture twice, for wide and narrow screens, with heading and caption.

    Args:
        paint: ``paint(figure, screen)`` draws on a matplotlib figure.
        title: A short name, read aloud.
        alt: What the picture shows, for readers who can't see it.
        heights: Pixels of the wide and the narrow drawing.
        heading: A line above the picture.
        caption: Text under it.
        key: What stands between heading and picture, for instance from ``charts.key``.

    Returns:
        The ``<figure>`` element.

    Example:
        >>> from everystep.pages import chart, plot_area
        >>> def paint(figure, screen):
        ...     plot_area(figure).plot([1, 3, 2])
        >>> "<figure>" in chart(paint, title="Three values", alt="They rise, then fall.")
        True
    """
    drawn = [svg(paint, at, height, title=title, alt=alt) for at, height in zip((WIDE, NARROW), heights, strict=True)]
    return Markup("<figure>\n{}{}{}\n{}\n</figure>\n").format(
        Markup('<p class="heading">{}</p>\n').format(label(heading, 160)) if heading else "",
        key,
        Markup("\n").join(drawn),
        Markup("<figcaption>{}</figcaption>").format(caption) if caption else "",
    )


def plot_area(figure: Figure, *where: Any, title: str = "", **how: Any) -> Axes:
    """Add axes in the house style: a baseline, faint rules, no box, the unit above instead of beside.

    Args:
        figure: The figure to add them to.
        where: As for ``Figure.add_subplot``.
        title: What the upright axis measures, set above it.
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
        axes.set_title(label(title, 48), loc="left", color=colour("quiet"), pad=10)
    return axes


def name_below(axes: Axes, text: str) -> None:
    """Say what the bottom axis measures."""
    axes.set_xlabel(label(text, 40), color=colour("quiet"), labelpad=5)


def number_ticks(axis: Axis, count: int, *, whole: bool = False) -> None:
    """Put about ``count`` round numbers on an axis, whole ones only if asked."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(count, steps=[1, 2, 2.5, 5, 10], integer=whole))
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value, axis.get_majorticklocs())))


def date_ticks(axis: Axis, count: int) -> None:
    """Put at most ``count`` dates on an axis, each as short as its neighbours allow."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=min(3, count), maxticks=count)
    axis.set_major_locator(locator)
    axis.set_major_formatter(ConciseDateFormatter(locator))


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move labels apart so that no two are closer than ``gap``, each as near its place as it can be.

    Args:
        places: Where the labels want to be, in any order.
        gap: The least distance.
        low: The lowest place a label may take.
        high: The highest.

    Returns:
        Where they go, in the order given; below ``low`` only where there are too many of them.

    Example:
        >>> from everystep.pages.canvas import spread
        >>> spread([0.5, 0.5, 0.1], gap=0.2, low=0.0, high=1.0)
        [0.4, 0.6000000000000001, 0.1]
    """
    order = sorted(range(len(places)), key=lambda i: places[i])
    blocks: list[tuple[float, list[int]]] = []  # centre of a block of touching labels, its members
    for i in order:
        centre, members = places[i], [i]
        while blocks and centre - gap * (len(members) - 1) / 2 < blocks[-1][0] + gap * (len(blocks[-1][1]) + 1) / 2 - 1e-12:
            other, before = blocks.pop()
            centre = (other * len(before) + centre * len(members)) / (len(before) + len(members))
            members = before + members
        half = gap * (len(members) - 1) / 2
        blocks.append((max(min(centre, high - half), low + half), members))
    found = {i: c + gap * (k - (len(m) - 1) / 2) for c, m in blocks for k, i in enumerate(m)}
    return [found[i] for i in range(len(places))]


@contextmanager
def _drawing() -> Iterator[None]:
    try:
        from matplotlib import rc_context
    except ImportError as missing:
        raise MissingExtraError(
            "charts: matplotlib is not installed; it is part of the forecast extra: pip install everystep[forecast]"
        ) from missing
    with rc_context(_STYLE), warnings.catch_warnings():
        # The browser has its own fonts: that DejaVu lacks a letter only makes our measure of it rough.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield
