"""N4: the output is the state; forced by the target, or running free on itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from everystep.pages import WIDE, Column, Markup, Screen, colour, name_below, number, number_ticks, table
from everystep.tour.item import Item
from everystep.tour.pictures.picture import Picture, panel, picture, sample_key

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = {
    "scalar_forced": "scalar y, trained forced",
    "scalar_free": "scalar y, trained free",
    "vector": "y = [y(t), x(t), x(t−1)]",
    "leaky": "y(t+1) = 0.8 y(t) + x(t+1)",
}


def pictures(item: Item) -> list[Picture]:
    """Draw a stretch of each task, target, forced and free output, and write the errors under them."""
    drawn = picture(
        "n4",
        lambda figure, screen: _paint(figure, screen, item.data),
        title="A Jordan network, fed with the target (forced) or with itself (free)",
        alt="With a scalar output neither the forced nor the free network meets the target; with the vector "
        "output, and on the leaky task, both lie on it.",
        heights=(460, 760),
        key=sample_key({"target": ("truth", "ring"), "forced": ("forecast", "line"), "free": ("U", "dash")}),
    )
    return [Picture(drawn.name, drawn.figure + _errors(item.figures), drawn.svg)]


def _paint(figure: Figure, screen: Screen, data: Mapping[str, Any]) -> None:
    columns = 2 if screen == WIDE else 1
    grid = figure.add_gridspec(4 // columns, columns, wspace=0.08)
    for place, (key, title) in enumerate(PANELS.items()):
        axes = panel(figure, grid[place // columns, place % columns], title)
        run = data[key]
        steps = range(1, len(run["target"]) + 1)
        axes.plot(steps, run["target"], "o", markersize=7, markerfacecolor="none", color=colour("truth"), zorder=4)
        axes.plot(steps, run["forced"], color=colour("forecast"), linewidth=1.8, zorder=3)
        axes.plot(steps, run["free"], color=colour("U"), linewidth=1.8, linestyle=(0, (4, 3)), zorder=2)
        axes.set_xlim(0.4, len(steps) + 0.6)
        axes.margins(y=0.12)
        number_ticks(axes.yaxis, 4)
        number_ticks(axes.xaxis, 5, whole=True)
        if place >= 4 - columns:
            name_below(axes, "step t")


def _errors(figures: Mapping[str, Any]) -> Markup:
    rows = {**figures["scalar"], "vector": figures["vector"], "leaky": figures["leaky"]}
    keys = ("trained_forced", "trained_free", "vector", "leaky")
    columns = [Column("mean squared error"), Column("forced"), Column("free")]
    written = [[number(rows[key][f"{mode}_mse"], 3) for mode in ("forced", "free")] for key in keys]
    return table(columns, [[title, *row] for title, row in zip(PANELS.values(), written, strict=True)])
