"""N2: a dynamical system by itself, and one that is driven."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from everystep.pages import Screen, colour, number
from everystep.tour.item import Item
from everystep.tour.pictures.picture import Picture, number_axes, panel, picture, say, side_by_side

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def pictures(item: Item) -> list[Picture]:
    """Draw both systems: dots by the cell, lines by the closed form."""
    error = number(max(item.figures["autonomous_error"], item.figures["driven_error"]), 1)
    return [
        picture(
            "n2",
            lambda figure, screen: _paint(figure, screen, item.data),
            title="A state by itself, and a state that is driven",
            alt="Left the plane of the two states: the autonomous system's dots lie on the closed-form curve and "
            "wind inwards. Right both states of the driven system over time, dots on the lines of the closed form.",
            heights=(330, 620),
            caption=f"Dots: the cell, unrolled. Lines: the closed form. They differ by {error} of the largest value.",
        )
    ]


def _paint(figure: Figure, screen: Screen, data: Mapping[str, Any]) -> None:
    left, right = side_by_side(figure, screen, 2)
    _plane(figure, screen, left, data["autonomous"])
    _over_time(figure, screen, right, data["driven"])


def _plane(figure: Figure, screen: Screen, where: Any, run: Mapping[str, Any]) -> None:
    axes = panel(figure, where, "autonomous: s₂ over s₁")
    axes.plot(*zip(*run["closed_form"], strict=True), color=colour("W"), linewidth=1.2, zorder=2)
    axes.plot(
        *zip(*run["computed"], strict=True), "o", color=colour("forecast"), markersize=4.5, zorder=3, clip_on=False
    )
    first, second = run["computed"][0]
    say(axes, first, second, "s(0)", xytext=(-6, 12), ha="right")
    axes.margins(0.12)
    number_axes(axes, screen, "s₁", whole=False)


def _over_time(figure: Figure, screen: Screen, where: Any, run: Mapping[str, Any]) -> None:
    axes = panel(figure, where, "driven: s₁ and s₂ over t")
    steps = range(len(run["computed"]))
    for part, role in ((0, "W"), (1, "V")):
        axes.plot(steps, [s[part] for s in run["closed_form"]], color=colour(role), linewidth=1.2, zorder=2)
        axes.plot(steps, [s[part] for s in run["computed"]], "o", color=colour(role), markersize=4.5, zorder=3)
        say(axes, steps[-1], run["computed"][-1][part], f"s{'₁₂'[part]}", role)
    axes.set_xlim(0, len(steps) * 1.06)
    axes.margins(y=0.1)
    number_axes(axes, screen, "step t")
