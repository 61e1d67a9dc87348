"""Drawing with matplotlib for the page: once for a wide screen, once for a narrow one, with real text.

matplotlib is loaded by the first drawing. Coordinates are CSS pixels: 72 dots an inch make a point a pixel.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from everystep.errors import MissingExtraError
from everystep.pages.labels import TEXT, label
from everystep.pages.svg import embed

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Screen:
    """What a drawing is made for.

    Attributes:
        name: ``"wide"`` or ``"narrow"``.
        width: Pixels of the drawing.
        ticks: About how many ticks fit along the bottom.
        beside: Room for a label beside the drawing, in units of the font size.
    """

    name: str
    width: int
    ticks: int
    beside: float


WIDE = Screen("wide", 720, 7, 17)
NARROW = Screen("narrow", 342, 5, 10.5)

Paint = Callable[["Figure", Screen], None]

_STYLE: dict[Any, Any] = {
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
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        layout = ConstrainedLayoutEngine(w_pad=2 / 72, h_pad=3 / 72, hspace=0, wspace=0)
        figure = Figure(figsize=(screen.width / 72, height / 72), dpi=72, layout=layout, facecolor="none")
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
        key: What stands between heading and picture, for instance from ``pages.key``.

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
    return figure_of(Markup("\n").join(drawn), heading=heading, caption=caption, key=key)


def figure_of(picture: Markup, *, heading: str = "", caption: Markup | str = "", key: Markup | str = "") -> Markup:
    """Set a picture in a figure with a heading above it and a caption under it.

    Args:
        picture: The picture, for instance from ``embed``.
        heading: A line above it.
        caption: Text under it.
        key: What stands between heading and picture.

    Returns:
        The ``<figure>`` element.
    """
    return Markup("<figure>\n{}{}{}\n{}\n</figure>\n").format(
        Markup('<p class="heading">{}</p>\n').format(label(heading, 160)) if heading else "",
        key,
        picture,
        Markup("<figcaption>{}</figcaption>").format(caption) if caption else "",
    )


@contextmanager
def _drawing() -> Iterator[None]:
    try:
        from matplotlib import rc_context
    except ModuleNotFoundError as missing:
        raise MissingExtraError("charts: matplotlib is not installed; pip install matplotlib.") from missing
    with rc_context(_STYLE), warnings.catch_warnings():
        # The browser has its own fonts: that DejaVu lacks a letter only makes our measure of it rough.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        # Between two of its intervals the locator takes one of them anyway, and says so.
        warnings.filterwarnings("ignore", message="AutoDateLocator was unable")
        yield
