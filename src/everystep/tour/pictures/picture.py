"""A picture of an item: a figure for the page, and the same as an SVG file."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from everystep.pages import NARROW, WIDE, Markup, Screen, colour, figure_of, name_below, number_ticks, plot_area, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec

Paint = Callable[["Figure", Screen], None]


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes:
        name: The file's name without its ending.
        figure: The ``<figure>`` element for the page.
        svg: The picture alone, as a file of its own.
    """

    name: str
    figure: Markup
    svg: str


def picture(
    name: str,
    paint: Paint,
    *,
    title: str,
    alt: str,
    heights: tuple[int, int] = (300, 260),
    caption: Markup | str = "",
    key: Markup | str = "",
) -> Picture:
    """Draw a picture with matplotlib: wide and narrow for the page, wide for the file.

    Args:
        name: The file's name without its ending.
        paint: Draws on a matplotlib figure for one kind of screen.
        title: The line above it.
        alt: What it shows, for readers who can't see it.
        heights: Pixels of the wide and the narrow drawing.
        caption: Text under it.
        key: What stands between heading and picture.
    """
    wide, narrow = (
        svg(paint, at, tall, title=title, alt=alt) for at, tall in zip((WIDE, NARROW), heights, strict=True)
    )
    drawn = figure_of(Markup("\n").join([wide, narrow]), heading=title, caption=caption, key=key)
    return Picture(name, drawn, standing_alone(wide))


def standing_alone(drawing: Markup) -> str:
    """Give an SVG element the white paper that it had from its page."""
    return str(drawing).replace("<svg ", '<svg style="background:white" ', 1) + "\n"


def side_by_side(
    figure: Figure, screen: Screen, count: int, ratios: Sequence[float] | None = None
) -> list[SubplotSpec]:
    """Divide a figure into panels: beside each other on a wide screen, below each other on a narrow one."""
    if screen == WIDE:
        grid = figure.add_gridspec(1, count, wspace=0.08, width_ratios=ratios)
        return [grid[0, place] for place in range(count)]
    grid = figure.add_gridspec(count, 1, hspace=0.06)
    return [grid[place, 0] for place in range(count)]


def panel(figure: Figure, where: Any, title: str) -> Axes:
    """Add axes in the house style with a title at their own left edge, since others may stand beside them."""
    axes = plot_area(figure, where)
    axes.set_title(title, loc="left", color=colour("quiet"), pad=10)
    return axes


def number_axes(axes: Axes, screen: Screen, x_name: str, *, count: int = 4, whole: bool = True) -> None:
    """Put round numbers on both axes and a name below."""
    number_ticks(axes.yaxis, count)
    number_ticks(axes.xaxis, min(5, screen.ticks), whole=whole)
    name_below(axes, x_name)


def say(axes: Axes, x: float, y: float, text: str, role: str = "ink", **how: Any) -> None:
    """Write a few words beside a place of the data, in a role's colour."""
    settings: dict[str, Any] = {"xytext": (6, 0), "textcoords": "offset points", "va": "center"} | how
    axes.annotate(text, (x, y), color=colour(role), **settings)


def powers_of_ten(axis: Axis, *, exponents: bool = False) -> None:
    """Write the ticks of an axis as powers of ten; with ``exponents`` the values are logarithms already."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    if exponents:
        axis.set_major_locator(MaxNLocator(5, integer=True))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _power(value if exponents else math.log10(value))))
    axis.set_minor_formatter(NullFormatter())
    axis.set_tick_params(which="minor", length=0)


def _power(exponent: float) -> str:
    return "10" + f"{exponent:.0f}".translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def sample_key(names: Mapping[str, tuple[str, str]]) -> Markup:
    """Write names with a sample of each mark: ``{name: (role, "line" | "dash" | "point" | "ring")}``."""
    rows = (_SAMPLE.format(_SAMPLES[mark].format(role), name) for name, (role, mark) in names.items())
    return Markup('<ul class="key">{}</ul>').format(Markup("").join(rows))


_SAMPLE = Markup('<li><svg viewBox="0 0 26 10" aria-hidden="true">{}</svg>{}</li>')
_SAMPLES = {
    "line": Markup('<path class="stroke-{}" d="M1 5H25" stroke-width="2"/>'),
    "dash": Markup('<path class="stroke-{}" d="M1 5H25" stroke-width="2" stroke-dasharray="5 3"/>'),
    "point": Markup('<circle class="fill-{}" cx="13" cy="5" r="2.5"/>'),
    "ring": Markup('<circle class="stroke-{}" cx="13" cy="5" r="4" fill="none" stroke-width="1.5"/>'),
}
