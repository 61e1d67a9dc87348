"""N7: three questions, and the gates that answer them, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from everystep.pages import Markup, Screen, colour, name_below
from everystep.tour.item import Item
from everystep.tour.pictures.picture import Picture, panel, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Strip = tuple[str, str]  # the question, and the record that answers it

LSTM_STRIPS: tuple[Strip, ...] = (
    ("1  How much memory is left?  Forget gate", "forget"),
    ("2  How much is updated?  Input gate", "input"),
    ("3  How much is let out?  Output gate", "output"),
)
GRU_STRIPS: tuple[Strip, ...] = (
    ("1, 2  How much is left?  Update gate", "update"),
    ("3  How much is let out?  Reset gate", "reset"),
)
CAPTION = (
    "Orange columns carry a write mark, green ones a read mark. A bar at full height is an open gate. "
    "Rings are the target, dots what the network said."
)


def pictures(item: Item) -> list[Picture]:
    """Draw the gates of the LSTM unit, and those of the two GRU units, over one sequence."""
    lstm, gru = item.data["lstm"], item.data["gru"]
    return [
        picture(
            "n7",
            lambda figure, screen: _paint(figure, screen, lstm, LSTM_STRIPS),
            title="One LSTM unit holds a value from a write to the reads that ask for it",
            alt="Five strips over 18 steps: the values with write and read marks; the forget gate, closed only on "
            "writes; the input gate, open only on writes; the output gate, open only on reads; what was said and "
            "the target.",
            heights=(560, 560),
            caption=Markup(CAPTION),
        ),
        picture(
            "n7-gru",
            lambda figure, screen: _paint(figure, screen, gru, GRU_STRIPS),
            title="Two GRU units: one keeps, the other speaks",
            alt="Four strips over the same 18 steps: the values with their marks; the keeping unit's update gate, "
            "closed only on writes; the speaking unit's reset gate, open on reads; what was said and the target.",
            heights=(450, 450),
            caption=Markup(
                "The same sequence. Where the update gate is low, the state is written anew; what the keeping unit "
                "holds reaches the speaking one only through its reset gate."
            ),
        ),
    ]


def _paint(figure: Figure, screen: Screen, shown: Mapping[str, Any], strips: Sequence[Strip]) -> None:  # noqa: ARG001
    grid = figure.add_gridspec(len(strips) + 2, 1, height_ratios=[1.1] + [1.0] * len(strips) + [1.1])
    _values(_strip(figure, grid[0], shown, "x  The value, +1 or −1"), shown)
    for place, (question, gate) in enumerate(strips, start=1):
        axes = _strip(figure, grid[place], shown, question)
        axes.bar(_steps(shown), shown[gate], width=0.62, color=colour("gate"), zorder=3)
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 1])
    axes = _strip(figure, grid[len(strips) + 1], shown, "ŷ  What it says, and the target")
    _said(axes, shown)
    axes.tick_params(axis="x", labelbottom=True)
    name_below(axes, "step t")


def _strip(figure: Figure, where: Any, shown: Mapping[str, Any], title: str) -> Axes:
    axes = panel(figure, where, title)
    steps = _steps(shown)
    for t, written, read in zip(steps, shown["write"], shown["read"], strict=True):
        if written or read:
            axes.axvspan(t - 0.5, t + 0.5, color=colour("U" if written else "V"), alpha=0.22, linewidth=0, zorder=0)
    axes.set_xlim(0.5, len(steps) + 0.5)
    axes.set_xticks([t for t in steps if t == 1 or t % 3 == 0])
    axes.tick_params(axis="x", labelbottom=False)
    axes.grid(visible=False)
    return axes


def _values(axes: Axes, shown: Mapping[str, Any]) -> None:
    marked = [bool(w) for w in shown["write"]]
    for t, value, written in zip(_steps(shown), shown["value"], marked, strict=True):
        role = "U" if written else "baseline"
        axes.plot([t, t], [0, value], color=colour(role), linewidth=2.4 if written else 1.2, zorder=2)
        axes.plot([t], [value], "o", color=colour(role), markersize=7 if written else 4, zorder=3)
    _plus_minus(axes)


def _said(axes: Axes, shown: Mapping[str, Any]) -> None:
    steps = _steps(shown)
    axes.plot(steps, shown["target"], "o", markersize=9, markerfacecolor="none", color=colour("truth"), zorder=2)
    axes.plot(steps, shown["y"], "o", markersize=4.5, color=colour("forecast"), zorder=3)
    _plus_minus(axes)


def _plus_minus(axes: Axes) -> None:
    axes.axhline(0, color=colour("rule"), linewidth=0.8, zorder=1)
    axes.set_ylim(-1.35, 1.35)
    axes.set_yticks([-1, 0, 1], ["−1", "0", "1"])


def _steps(shown: Mapping[str, Any]) -> list[int]:
    return list(range(1, len(shown["value"]) + 1))
