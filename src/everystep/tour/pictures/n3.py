"""N3: why tanh: what a state and its gradient do over many steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from everystep.pages import Screen, colour
from everystep.tour.item import Item
from everystep.tour.pictures.picture import Picture, number_axes, panel, picture, powers_of_ten, say, side_by_side

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROLES = {"tanh": "W", "relu": "gradient"}
NAMES = {"tanh": "tanh", "relu": "ReLU"}


def pictures(item: Item) -> list[Picture]:
    """Draw state and gradient for the shift, and the states for random W."""
    data = item.data
    return [
        picture(
            "n3",
            lambda figure, screen: _shift(figure, screen, data),
            title="W = 1.1 × a cyclic shift, s(0) > 0",
            alt="Left the state over time: ReLU's grows by a constant factor a step, tanh's stays. Right the "
            "gradient of the last state, read from right to left: with ReLU it grows on its way back, with tanh it "
            "vanishes.",
            heights=(290, 540),
            caption="The gradient is read from right to left: it starts at the last state and flows back.",
        ),
        picture(
            "n3-random",
            lambda figure, screen: _random(figure, screen, data["random"]),
            title="Random W of spectral radius 1.1: the size of the state",
            alt=_counts(item.figures["random"]),
            heights=(290, 540),
            caption=_counts(item.figures["random"]) + " Between the two, the shaded band.",
        ),
    ]


def _shift(figure: Figure, screen: Screen, data: Mapping[str, Any]) -> None:
    panels = (("largest unit of s(t)", "state_log10"), (f"∂s({data['steps']}) / ∂s(t), its norm", "gradient_log10"))
    for where, (title, key) in zip(side_by_side(figure, screen, 2), panels, strict=True):
        axes = panel(figure, where, title)
        for sigma, values in data[key].items():
            axes.plot(range(len(values)), values, color=colour(ROLES[sigma]), linewidth=1.8, zorder=3, clip_on=False)
            middle = len(values) // 2
            say(axes, middle, values[middle], NAMES[sigma], ROLES[sigma], xytext=(0, 16), ha="center")
        axes.margins(y=0.14)
        number_axes(axes, screen, "step t")
        powers_of_ten(axes.yaxis, exponents=True)


def _random(figure: Figure, screen: Screen, runs: Mapping[str, Sequence[Sequence[float]]]) -> None:
    highest = max(max(run) for many in runs.values() for run in many)
    for where, (sigma, many) in zip(side_by_side(figure, screen, 2), runs.items(), strict=True):
        axes = panel(figure, where, f"{NAMES[sigma]}: ‖s(t)‖")
        axes.axhspan(-6, 2, color=colour("rule"), alpha=0.3, linewidth=0, zorder=0)
        for run in many:
            axes.plot(range(len(run)), run, color=colour(ROLES[sigma]), linewidth=1.0, alpha=0.75, zorder=2)
        axes.set_ylim(-20, max(highest, 3) + 1)
        number_axes(axes, screen, "step t")
        powers_of_ten(axes.yaxis, exponents=True)


def _counts(figures: Mapping[str, Mapping[str, Any]]) -> str:
    told = []
    for sigma, counts in figures.items():
        grew, stayed, died = (counts.get(key, 0) for key in ("grew", "stayed", "died"))
        told.append(
            f"{NAMES[sigma]}: {grew} of {grew + stayed + died} grew past 100, {stayed} stayed, {died} died below 10⁻⁶."
        )
    return " ".join(told)
