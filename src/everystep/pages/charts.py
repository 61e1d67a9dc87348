"""Charts of lines: labels stand where the eye already is, at the end of a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from everystep.pages.axes import Mark, date_ticks, draw_mark, log_ticks, name_below, number_ticks, plot_area, spread
from everystep.pages.canvas import WIDE, Screen, chart
from everystep.pages.labels import TEXT, fit, label
from everystep.pages.numerals import number, tick
from everystep.pages.palette import colour
from everystep.pages.thin import thin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[Any]

_FLAT = 1e-6  # a range this small beside the values is drawn as no movement
DASHES = {"solid": "", "dashed": "6 3", "dotted": "1.5 2.5", "dashdot": "7 3 1.5 3"}


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        name: Its label, at its end or in the key; empty for none.
        x: (n,) numbers or datetime64.
        y: (n,) values; NaN leaves a gap.
        role: A role of the palette.
        dash: A name in ``DASHES``.
        weight: Width in pixels.
        dots: True to mark each point.
    """

    name: str
    x: Array
    y: Array
    role: str = "baseline"
    dash: str = "solid"
    weight: float = 1.4
    dots: bool = False


@dataclass(frozen=True)
class Band:
    """A shaded band, (n,) x with its lower and upper edge."""

    name: str
    x: Array
    low: Array
    high: Array
    role: str = "forecast"


def line_chart(
    lines: Sequence[Line],
    *,
    title: str,
    alt: str,
    bands: Sequence[Band] = (),
    marks: Sequence[Mark] = (),
    y_name: str = "",
    x_name: str = "",
    log: bool = False,
    heights: tuple[int, int] = (300, 260),
    heading: str = "",
    caption: Markup | str = "",
) -> Markup:
    """Draw lines and bands over numbers or times.

    A wide screen has each name at the end of its line; a narrow one has a key above the picture.

    Args:
        lines: The lines, the most important last (it is drawn on top).
        title: A short name, read aloud.
        alt: What the picture shows, for readers who can't see it.
        bands: Bands behind the lines.
        marks: Upright hairlines.
        y_name: What the upright axis measures.
        x_name: What the bottom axis measures.
        log: True for a logarithmic upright axis, where every value is above 0 and they span more than a power of ten.
        heights: Pixels of the wide and the narrow drawing.
        heading: A line above the picture.
        caption: Text under it.

    Returns:
        The ``<figure>`` element.
    """

    def paint(figure: Figure, screen: Screen) -> None:
        axes = plot_area(figure, title=y_name, marked=bool(marks))
        for band in bands:
            _draw_band(axes, band, screen)
        for line in lines:
            draw_line(axes, line, screen)
        set_scale(axes, [*(line.y for line in lines), *(e for band in bands for e in (band.low, band.high))], log=log)
        _bottom(axes, lines, screen, x_name)
        for mark in marks:
            draw_mark(axes, mark)
        if screen == WIDE:
            edges = [Line(band.name, band.x, band.high, role=band.role) for band in bands]
            _label_ends(axes, [*edges, *lines], heights[0])

    named = key(lines, bands)
    return chart(paint, title=title, alt=alt, heights=heights, heading=heading, caption=caption, key=named)


def key(lines: Sequence[Line], bands: Sequence[Band] = ()) -> Markup:
    """Write the names of lines and bands with a sample of each, for narrow screens."""
    rows = [_KEY_BAND.format(role=band.role, name=label(band.name, 40)) for band in bands if band.name]
    rows += [
        _KEY_LINE.format(role=line.role, dash=DASHES[line.dash], weight=line.weight, name=label(line.name, 40))
        for line in lines
        if line.name
    ]
    return Markup('<ul class="key narrow">{}</ul>\n').format(Markup("").join(rows)) if rows else Markup("")


_KEY_LINE = Markup(
    '<li><svg viewBox="0 0 26 10" aria-hidden="true"><path class="stroke-{role}" d="M1 5H25" stroke-width="{weight}" '
    'stroke-dasharray="{dash}"/></svg>{name}</li>'
)
_KEY_BAND = Markup(
    '<li><svg viewBox="0 0 26 10" aria-hidden="true"><rect class="fill-{role}" width="26" height="10" '
    'fill-opacity=".2"/></svg>{name}</li>'
)


def _draw_band(axes: Axes, band: Band, screen: Screen) -> None:
    keep = np.union1d(thin(band.low, screen.width), thin(band.high, screen.width))
    axes.fill_between(
        band.x[keep], band.low[keep], band.high[keep], color=colour(band.role), alpha=0.2, linewidth=0, zorder=1.5
    )


def draw_line(axes: Axes, line: Line, screen: Screen) -> None:
    """Draw one line, thinned to what the screen can show."""
    keep = thin(line.y, screen.width)
    dots = line.dots or len(line.y) == 1
    axes.plot(
        line.x[keep],
        line.y[keep],
        color=colour(line.role),
        linewidth=line.weight,
        linestyle=(0, tuple(map(float, DASHES[line.dash].split()))) if DASHES[line.dash] else "solid",
        marker="o" if dots else None,
        markersize=line.weight + 3,
        solid_joinstyle="round",
        clip_on=False,
    )


def set_scale(axes: Axes, values: Sequence[Array], *, log: bool = False) -> None:
    """Choose the upright range; a line that hardly moves is drawn flat instead of as magnified rounding."""
    found = np.concatenate([np.asarray(v, dtype=float) for v in values])
    found = found[np.isfinite(found)]
    low, high = (found.min(), found.max()) if len(found) else (0.0, 1.0)
    if log and low > 0 and high > 10 * low:
        axes.set_yscale("log")
        axes.set_ylim(low / (high / low) ** 0.06, high * (high / low) ** 0.06)
        log_ticks(axes.yaxis)
        return
    if high - low <= _FLAT * max(abs(low), abs(high)):
        _flat(axes, (low + high) / 2)
        return
    axes.set_ylim(low - 0.06 * (high - low), high + 0.06 * (high - low))
    number_ticks(axes.yaxis, min(5, int(axes.figure.bbox.height / 45)))


def _flat(axes: Axes, value: float) -> None:
    room = abs(value) or 1.0
    axes.set_ylim(value - room, value + room)
    axes.set_yticks([value], [number(value, digits=4)])


def _bottom(axes: Axes, lines: Sequence[Line], screen: Screen, name: str) -> None:
    places = np.unique(np.concatenate([line.x for line in lines]))
    if len(places) == 1:
        axes.set_xticks(places, [label(places[0], 19)])
    elif np.issubdtype(places.dtype, np.datetime64):
        date_ticks(axes.xaxis, screen.ticks)
    else:
        whole = np.issubdtype(places.dtype, np.integer)
        number_ticks(axes.xaxis, _room_for(axes.get_xlim(), screen, whole=whole), whole=whole)
    if name:
        name_below(axes, name)


def _room_for(limits: tuple[float, float], screen: Screen, *, whole: bool) -> int:
    """Count the ticks that fit side by side; a digit is at most 8 px wide."""
    low, high = limits
    longest = max(len(tick(edge, [edge, edge + (high - low) / screen.ticks], whole=whole)) for edge in limits)
    return max(1, min(screen.ticks, int((screen.width - 60) / (8 * longest + 16))))


def _label_ends(axes: Axes, lines: Sequence[Line], height: int) -> None:
    """Set each line's name at its right end, moved apart where ends are close, with a thin leader."""
    room = height - 70
    fits = max(1, int(room / (TEXT + 4)))
    named = [line for line in lines if line.name and np.isfinite(line.y).any()][-fits:]
    ends = [axes.transLimits.transform((0, axes.transScale.transform((1, _last(line.y)))[1]))[1] for line in named]
    for line, end, place in zip(named, ends, spread(ends, (TEXT + 4) / room, 0.0, 1.0), strict=True):
        if abs(place - end) * room > 3:
            axes.plot(
                [1.004, 1.024],
                [end, place],
                color=colour("rule"),
                linewidth=0.8,
                transform=axes.transAxes,
                clip_on=False,
            )
        role = "ink" if line.role == "U" else line.role
        axes.text(1.03, place, fit(line.name, WIDE.beside), transform=axes.transAxes, va="center", color=colour(role))


def _last(y: Array) -> float:
    return float(y[np.isfinite(y)][-1])
