"""What the encoder did over a line: its gates, or its state where it has none, in each direction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from everystep.pages import Markup, Panel, heat_chart, label
from everystep.text import encode_lines, pad
from everystep.translate.fitted import Fitted

Array = NDArray[Any]

DIRECTIONS = {"forward": "reads from left to right", "reverse": "reads from right to left"}
STATES = ("c", "h", "s", "y")
MOST_ROWS = 48


def gates_figures(fitted: Fitted, line: str, read: tuple[str, ...]) -> Markup:
    """Draw a strip for each gate of the encoder's first layer, a figure for each direction.

    Args:
        fitted: The translator.
        line: What is read.
        read: Its symbols, the end included.
    """
    record = _record(fitted, line)
    figures = [
        heat_chart(
            panels,
            title=f"The encoder, {direction}",
            alt="; ".join(f"{panel.name} on average {panel.values.mean():.2f}" for panel in panels),
            x_name="",
            x_labels=read,
            heading=f"The cell that {DIRECTIONS[direction]}",
            caption="Each row is a unit, each column a symbol; the units that keep most lie on top.",
        )
        for direction in DIRECTIONS
        if (panels := list(_panels(_under(f"layer0.{direction}.", record))))
    ]
    return Markup("\n").join(figures)


@torch.no_grad()
def _record(fitted: Fitted, line: str) -> dict[str, Array]:
    numbers, lengths = pad(encode_lines([line], fitted.vocabularies.source))
    encoder = fitted.model.encoder
    out = encoder.layers(encoder.embedding(numbers), lengths=lengths, record="all")
    return {name: value[:, 0].double().numpy() for name, value in out.record.items() if value.ndim == 3}


def _under(prefix: str, record: Mapping[str, Array]) -> dict[str, Array]:
    return {name.removeprefix(prefix): value for name, value in record.items() if name.startswith(prefix)}


def _panels(taps: Mapping[str, Array]) -> Iterator[Panel]:
    """Give the gates, then the state."""
    gates = [name for name, values in taps.items() if name not in STATES and values.min() >= 0 and values.max() <= 1]
    state = next((name for name in STATES if name in taps), None)
    first = taps[gates[0]] if gates else None if state is None else np.abs(taps[state])
    if first is None:
        return
    order = np.argsort(-first.mean(axis=0), kind="stable")
    for name in gates:
        yield Panel(label(name, 40), _rows(taps[name], order))
    if state is not None:
        values = _rows(taps[state], order)
        yield Panel(f"{state}: what it remembers", values, largest=float(np.abs(values).max()) or 1.0, signed=True)


def _rows(values: Array, order: Array) -> Array:
    order = order if values.shape[1] == len(order) else np.arange(values.shape[1])
    places = np.linspace(0, len(order) - 1, min(len(order), MOST_ROWS)).round().astype(int)
    return values[:, order].T[places]
