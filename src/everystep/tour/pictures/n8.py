"""N8: two directions joined at each step, and a sequence said backwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from everystep.pages import WIDE, Screen, colour, name_below, number_ticks
from everystep.tour.item import Item
from everystep.tour.pictures.diagram import arrow, node, sheet, word
from everystep.tour.pictures.picture import Picture, panel, picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def pictures(item: Item) -> list[Picture]:
    """Draw both networks, and what each of them can do."""
    errors, shown = item.data["bidirectional"], item.data["seq2seq"]
    read, said, shares = shown["example"]["read"], shown["example"]["said"], shown["by_length"]
    longest = item.figures["seq2seq"]["trained_up_to"]
    return [
        picture(
            "n8",
            _two_directions,
            title="Two directions, joined at each step",
            alt="States running forward and states running backward; each output y(t) takes one of both.",
            heights=(240, 230),
            caption="y(t) sees x(1) … x(t) through the forward states and x(t) … x(T) through the backward ones.",
        ),
        picture(
            "n8-errors",
            lambda figure, screen: _errors(figure, screen, errors),
            title="Squared error of y(t) = x(t−1) + x(t+1), step by step",
            alt="One direction errs by 1 at every step but the last, where nothing is to come; two directions do "
            "not err, nor does one direction read one step late.",
            heights=(240, 230),
            caption="The mean of the grey dots is the floor (T−1)/T: only at the last step is nothing still to come.",
        ),
        picture(
            "n8-seq2seq",
            lambda figure, screen: _seq2seq(figure, screen, read, said),
            title="Encoder and decoder on one sequence of the test",
            alt=f"The encoder reads {_spoken(read)}; the decoder says {_spoken(said)} and then the end.",
            heights=(210, 200),
            caption="Below the decoder is what it is fed: its own last symbol. │ starts and ends what is said.",
        ),
        picture(
            "n8-lengths",
            lambda figure, screen: _lengths(figure, screen, shares, longest),
            title="Sequences reversed without one mistake, by length",
            alt="; ".join(f"length {n}: {100 * share:.0f} percent" for n, share in shares.items()),
            heights=(230, 220),
            caption="Shaded: lengths that training never reached.",
        ),
    ]


def _two_directions(figure: Figure, screen: Screen) -> None:
    steps = 6 if screen == WIDE else 4
    axes = sheet(figure, 111, steps + 0.6, 4.4)
    size = 34
    columns = [t + 0.0 for t in range(1, steps + 1)]
    for t, x in enumerate(columns, start=1):
        below, forward, backward, above = (x, 0.5), (x - 0.17, 1.6), (x + 0.17, 2.75), (x, 3.9)
        node(axes, below, f"x({t})", "U", size=size)
        node(axes, forward, "→", "W", size=size)
        node(axes, backward, "←", "forecast", size=size)
        node(axes, above, f"y({t})", "V", size=size)
        arrow(axes, below, forward, "U", size=size)
        arrow(axes, below, backward, "U", size=size)
        arrow(axes, forward, above, "V", size=size)
        arrow(axes, backward, above, "V", size=size)
        if t > 1:
            arrow(axes, (x - 1.17, 1.6), forward, "W", size=size)
            arrow(axes, backward, (x - 0.83, 2.75), "forecast", size=size)


def _errors(figure: Figure, screen: Screen, errors: dict[str, list[float]]) -> None:
    axes = panel(figure, 111, "mean squared error")
    steps = list(range(1, len(errors["one_direction"]) + 1))
    axes.plot(steps, errors["one_direction"], "o", color=colour("baseline"), markersize=6, clip_on=False)
    axes.plot(steps, errors["two_directions"], "o", color=colour("forecast"), markersize=6, clip_on=False, zorder=4)
    axes.set_ylim(-0.12, 1.25)
    axes.set_xlim(0.5, len(steps) + 0.5)
    axes.set_yticks([0, 0.5, 1])
    axes.text(1, 1.13, "one direction", color=colour("baseline"), va="center")
    axes.text(1, 0.13, "two directions; one, read late", color=colour("forecast"), va="center")
    number_ticks(axes.xaxis, screen.ticks, whole=True)
    name_below(axes, "step t")


def _seq2seq(figure: Figure, screen: Screen, read: Sequence[int], said: Sequence[int]) -> None:
    size = 30 if screen == WIDE else 22
    heard, spoken = [str(s) for s in read], [*map(str, said), "│"]
    fed = ["│", *map(str, said)]
    axes = sheet(figure, 111, len(heard) + len(spoken) + 1.0, 3.6)
    states = [(t + 0.5, 2.0) for t in range(len(heard))] + [(len(heard) + t + 0.9, 2.0) for t in range(len(spoken))]
    for place, (x, y) in enumerate(states):
        decodes = place >= len(heard)
        node(axes, (x, y), "", "V" if decodes else "W", size=size)
        arrow(axes, (x, 0.95), (x, y), "U", size=size)
        word(axes, (x, 0.7), (fed[place - len(heard)] if decodes else heard[place]), "quiet" if decodes else "ink")
        if decodes:
            arrow(axes, (x, y), (x, 3.05), "V", size=size)
            word(axes, (x, 3.3), spoken[place - len(heard)])
        if place:
            arrow(axes, states[place - 1], (x, y), "W" if place <= len(heard) else "V", size=size)
    word(axes, (states[len(heard) // 2][0], 0.1), "encoder", "W")
    word(axes, (states[len(heard) + len(spoken) // 2][0] - 0.5, 0.1), "decoder", "V")


def _lengths(figure: Figure, screen: Screen, shares: dict[str, float], longest: int) -> None:  # noqa: ARG001
    axes = panel(figure, 111, "share of sequences")
    lengths = [int(n) for n in shares]
    axes.axvspan(longest + 0.5, lengths[-1] + 0.5, color=colour("rule"), alpha=0.35, linewidth=0, zorder=0)
    axes.bar(lengths, list(shares.values()), width=0.62, color=colour("forecast"), zorder=3)
    axes.set_ylim(0, 1.02)
    axes.set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    axes.set_xlim(lengths[0] - 0.5, lengths[-1] + 0.5)
    axes.set_xticks(lengths)
    name_below(axes, "length")


def _spoken(symbols: Sequence[int]) -> str:
    return ", ".join(map(str, symbols))
