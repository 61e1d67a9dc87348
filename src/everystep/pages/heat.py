"""Heat maps over time: one strip per gate, paper for shut and full ink for open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from everystep.pages.axes import name_below, number_ticks, plot_area
from everystep.pages.canvas import Screen, chart
from everystep.pages.charts import Line, draw_line, set_scale
from everystep.pages.labels import fit
from everystep.pages.palette import colour
from everystep.pages.svg import CLASS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[Any]

_RAMP = ((20, 40, 74), (138, 143, 152), (248, 228, 170))  # lowest, 0, highest
LINE_HEIGHT = 110  # px of a line above the strips
NAME = 9  # ems of a column's name
UPRIGHT = 17  # px that an upright name takes along the bottom


@dataclass(frozen=True)
class Panel:
    """One strip of a heat map.

    Attributes:
        name: What it shows, set above it.
        values: (rows, steps), from top to bottom; below 0 only if ``signed``.
        largest: The value in full ink.
        signed: True for values from -largest to largest, dark for the lowest and bright for the highest.
    """

    name: str
    values: Array
    largest: float = 1.0
    signed: bool = False


def heat_chart(
    panels: Sequence[Panel],
    *,
    title: str,
    alt: str,
    above: Line | None = None,
    x_name: str = "step",
    x_labels: Sequence[str] = (),
    heading: str = "",
    caption: Markup | str = "",
) -> Markup:
    """Draw strips of values over a common time, one row per unit.

    Args:
        panels: The strips, from top to bottom.
        title: A short name, read aloud.
        alt: What the picture shows, for readers who can't see it.
        above: A line over the same steps (column t lies from t - 1/2 to t + 1/2), drawn above the strips.
        x_name: What the columns are.
        x_labels: A name for each column, in place of its number.
        heading: A line above the picture.
        caption: Text under it.

    Returns:
        The ``<figure>`` element.
    """
    sizes = [strip_height(len(panel.values)) for panel in panels]
    tops = [LINE_HEIGHT] if above is not None else []

    def paint(figure: Figure, screen: Screen) -> None:
        grid = figure.add_gridspec(len(tops + sizes), 1, height_ratios=tops + sizes)
        steps = panels[0].values.shape[1]
        if above is not None:
            _draw_above(plot_area(figure, grid[0], title=above.name), above, screen)
        for place, panel in enumerate(panels, start=len(tops)):
            _draw_strip(plot_area(figure, grid[place], title=panel.name), panel)
        for axes in figure.axes:
            axes.set_xlim(0.5, steps + 0.5)
            name_ticks(axes, x_labels, screen) if x_labels else number_ticks(axes.xaxis, screen.ticks, whole=True)
            axes.tick_params(axis="x", labelbottom=axes is figure.axes[-1])
        name_below(figure.axes[-1], x_name)

    height = sum(tops + sizes) + 34 * len(tops + sizes) + (13 * NAME + 12 if x_labels else 46)
    samples = Markup("").join(_sample(signed) for signed in sorted({panel.signed for panel in panels}))
    key = Markup('<ul class="key">{}</ul>\n').format(samples)
    return chart(paint, title=title, alt=alt, heights=(height, height), heading=heading, caption=caption, key=key)


def name_ticks(axes: Axes, names: Sequence[str], screen: Screen) -> None:
    """Name the columns, upright; where they are too many for the screen, every second, third ... of them."""
    every = -(-len(names) * UPRIGHT // (screen.width - 20))
    axes.set_xticks(range(1, len(names) + 1, every), [fit(name, NAME) for name in names[::every]], rotation=90)


def strip_height(rows: int) -> int:
    """Give the pixels of a strip: enough to see a row, never a wall of them."""
    return int(np.clip(12 * rows, 18, 104))


def _draw_above(axes: Axes, line: Line, screen: Screen) -> None:
    draw_line(axes, line, screen)
    set_scale(axes, [line.y])
    number_ticks(axes.yaxis, 3)


def _draw_strip(axes: Axes, panel: Panel) -> None:
    rows, steps = panel.values.shape
    shown = np.nan_to_num(panel.values) / (panel.largest or 1.0)
    colours = _bright((shown + 1) / 2) if panel.signed else inked(shown)
    extent = (0.5, steps + 0.5, rows + 0.5, 0.5)
    axes.imshow(
        colours, aspect="auto", interpolation="none", extent=extent, gid=f"{CLASS}{'ramp' if panel.signed else 'ink'}"
    )
    axes.set_yticks([])
    axes.spines["bottom"].set_visible(False)
    axes.grid(visible=False)


def inked(share: Array) -> Array:
    """Turn shares 0 to 1 into the gates' ink, (..., 4), so thin that the page's own ground shows through."""
    ink = np.empty((*share.shape, 4))
    ink[..., :3] = [int(colour("gate")[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    ink[..., 3] = np.clip(share, 0, 1)
    return ink


def _bright(share: Array) -> Array:
    """Turn shares 0 to 1 into a ramp from night to sand, which climbs in lightness for every eye and in grey."""
    ramp = np.ones((*share.shape, 4))
    for part, stops in enumerate(zip(*_RAMP, strict=True)):
        ramp[..., part] = np.interp(share, [0, 0.5, 1], stops) / 255
    return ramp


def _sample(signed: bool) -> Markup:
    """Show what the colours mean: a ramp between the names of its ends."""
    first, last = ("negative", "positive") if signed else ("0, shut", "1, open")
    steps = np.linspace(0, 1, 9)
    ramp = _signed_sample(steps) if signed else _inked_sample(steps)
    return Markup('<li>{}<svg class="ramp" viewBox="0 0 90 10" aria-hidden="true">{}</svg>{}</li>').format(
        first, ramp, last
    )


def _inked_sample(steps: Array) -> Markup:
    rect = Markup('<rect x="{}" width="10" height="10" class="fill-gate" fill-opacity="{:.2f}"/>')
    return Markup("").join(rect.format(10 * place, share) for place, share in enumerate(steps))


def _signed_sample(steps: Array) -> Markup:
    rect = Markup('<rect x="{}" width="10" height="10" fill="#{:02x}{:02x}{:02x}"/>')
    rgb = (255 * _bright(steps)[:, :3]).round().astype(int)
    return Markup("").join(rect.format(10 * place, *colours) for place, colours in enumerate(rgb))
