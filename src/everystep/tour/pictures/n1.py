"""N1: one set of parameters, whatever T; one gradient, summed over its uses."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from everystep.pages import Screen, colour, number
from everystep.tour.item import Item
from everystep.tour.pictures.picture import Picture, number_axes, panel, picture, powers_of_ten, say, side_by_side

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def pictures(item: Item) -> list[Picture]:
    """Draw the count and the error against T, and the gradients of the untied copies adding up."""
    data = item.data
    return [
        picture(
            "n1",
            lambda figure, screen: _lengths(figure, screen, data),
            title="One model at three lengths: the same parameters, the same error",
            alt=f"At T = {', '.join(map(str, data['lengths']))} the tied model has {data['parameters'][0]} "
            "parameters throughout while T untied copies would have T times as many; its mean squared error does "
            "not change with T.",
            heights=(260, 460),
        ),
        picture(
            "n1-gradient",
            lambda figure, screen: _gradient(figure, screen, data),
            title="The gradient of a shared parameter is the sum over its uses",
            alt="A bar for the gradient of each untied copy, and their running sum, which ends at the tied gradient.",
            heights=(270, 260),
            caption="Bars: the gradient of each of the T untied copies of one entry of W. Line: their running sum, "
            "which ends where the gradient of the tied parameter lies.",
        ),
    ]


def _lengths(figure: Figure, screen: Screen, data: Mapping[str, Any]) -> None:
    left, right = side_by_side(figure, screen, 2)
    counts = panel(figure, left, "parameters")
    lengths, tied = data["lengths"], data["parameters"]
    untied = [t * n for t, n in zip(lengths, tied, strict=True)]
    _against_length(counts, lengths, untied, "baseline", dash=(0, (4, 3)))
    _against_length(counts, lengths, tied, "W")
    counts.set_yscale("log")
    powers_of_ten(counts.yaxis)
    say(counts, lengths[0], tied[0], f"tied: {number(tied[0])}", "W", xytext=(4, -16))
    say(counts, lengths[1], untied[1], "untied copies", "baseline", xytext=(-8, 14), ha="right")
    counts.set_ylim(tied[0] / 12, untied[-1] * 4)
    errors = panel(figure, right, "mean squared error")
    _against_length(errors, lengths, data["mse"], "forecast")
    errors.axhline(3, color=colour("baseline"), linestyle=(0, (4, 3)), linewidth=1.4)
    errors.set_yscale("log")
    errors.set_ylim(min(data["mse"]) / 1e5, 1e4)
    errors.set_yticks([1e-20, 1e-10, 1])
    powers_of_ten(errors.yaxis)
    say(errors, lengths[0], 3, "always answering 0", "baseline", xytext=(-4, 10))
    for axes in (counts, errors):
        axes.set_xscale("log")
        axes.set_xlim(lengths[0] / 2, lengths[-1] * 2)
        axes.set_xticks(lengths, [f"{t:,}" for t in lengths])
        axes.minorticks_off()
        axes.set_xlabel("T", color=colour("quiet"))


def _against_length(axes: Axes, lengths: list[int], values: list[float], role: str, dash: Any = "solid") -> None:
    axes.plot(lengths, values, "o", color=colour(role), markersize=6, linestyle=dash, linewidth=1.6, clip_on=False)


def _gradient(figure: Figure, screen: Screen, data: Mapping[str, Any]) -> None:
    axes = panel(figure, 111, "gradient of one entry of W")
    copies, whole = data["untied"], data["tied"]
    steps = list(range(1, len(copies) + 1))
    axes.bar(steps, copies, width=0.6, color=colour("baseline"), zorder=2)
    axes.step(steps, list(accumulate(copies)), where="mid", color=colour("W"), linewidth=1.8, zorder=3)
    axes.axhline(whole, color=colour("gradient"), linestyle=(0, (4, 3)), linewidth=1.4, zorder=4)
    say(axes, steps[0] - 0.4, whole, "of the tied parameter", "gradient", xytext=(2, 9 if whole > 0 else -9))
    axes.set_xlim(0.4, len(steps) + 0.6)
    axes.margins(y=0.16)
    number_axes(axes, screen, "use at step t")
