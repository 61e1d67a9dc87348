"""What the cell did over one window: its gates, or its state where it has none, under the values it read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from everystep.forecast.results import FitResult, GateView
from everystep.pages import Line, Markup, Panel, heat_chart, label

Array = NDArray[Any]

# The notes' three questions, beside the gate that answers each; a GRU merges the first two in one gate.
QUESTIONS: Mapping[str, Mapping[str, str]] = {
    "LSTM": {
        "forget": "how much memory is left?",
        "input": "how much memory is updated?",
        "output": "how much is let out?",
    },
    "GRU": {"update": "how much memory is left?", "reset": "how much of it is looked at?"},
}
_STATES = {"c": "the memory", "h": "the memory", "s": "the state", "y": "the output fed back"}
MOST_ROWS = 64
MOST_STEPS = 360


def gates_part(results: FitResult) -> Markup:
    """Show one strip per gate, and one for the state; nothing where the fit kept no window."""
    view = results.gates
    if view is None or not view.taps:
        return Markup("")
    kind = type(results.cell).__name__
    shown = {name: values[-MOST_STEPS:] for name, values in view.taps.items()}
    panels = list(_panels(shown, kind))
    if not panels:
        return Markup("")
    return Markup("<p>{}</p>\n{}").format(
        _words(kind, any(not panel.signed for panel in panels)),
        heat_chart(
            panels,
            above=_read(view, steps=len(next(iter(shown.values())))),
            title=f"Gates of {kind}",
            alt="; ".join(f"{panel.name} on average {panel.values.mean():.2f}" for panel in panels),
            x_name="step of the cell" if view.segment == 1 else f"step of the cell, {view.segment} values each",
            caption=_rows_said(shown),
        ),
    )


def _panels(taps: Mapping[str, Array], kind: str) -> Iterator[Panel]:
    """Give the gates that answer a question first, then other gates, then the state."""
    order = _row_order(taps, kind)
    asked = QUESTIONS.get(kind, {})
    gates = [name for name in taps if name not in asked and name not in _STATES and _is_gate(taps[name])]
    for name in [*(name for name in asked if name in taps), *gates]:
        title = f"{label(name, 24)}: {asked[name]}" if name in asked else label(name, 40)
        yield Panel(title, _rows(taps[name], order))
    for name in [name for name in _STATES if name in taps][:1]:
        values = _rows(taps[name], order)
        yield Panel(f"{name}: {_STATES[name]}", values, largest=float(np.abs(values).max()) or 1.0, signed=True)


def _is_gate(values: Array) -> bool:
    return bool(values.size and values.min() >= 0 and values.max() <= 1)


def _row_order(taps: Mapping[str, Array], kind: str) -> Array:
    """Put the units that keep most on top, so that a strip shows groups instead of noise."""
    first = next((name for name in QUESTIONS.get(kind, {}) if name in taps), None)
    keeps = taps[first] if first is not None else np.abs(next(iter(taps.values())))
    return np.argsort(-keeps.mean(axis=0), kind="stable")


def _rows(values: Array, order: Array) -> Array:
    if values.shape[1] != len(order):  # a part of another size than the gates keeps its own order
        order = np.arange(values.shape[1])
    return values[:, order].T[_evenly(len(order))]


def _evenly(rows: int) -> Array:
    return np.arange(rows) if rows <= MOST_ROWS else np.linspace(0, rows - 1, MOST_ROWS).round().astype(int)


def _read(view: GateView, steps: int) -> Line:
    """Lay the values read over the steps of the cell that read them."""
    values = view.window[-steps * view.segment :]
    places = steps + 0.5 - (np.arange(len(values))[::-1] + 0.5) / view.segment
    name = view.target if view.id == view.target else f"{view.target} of {label(view.id, 24)}"
    return Line(name, places, values, role="truth")


def _words(kind: str, gated: bool) -> str:
    rows = "Each row is a unit, each column a step"
    order = "the units that keep most lie on top"
    return {
        "LSTM": "Three gates answer the three questions of a memory: how much of it is left, how much is updated, and "
        f"how much of the hidden unit is let out. {rows}; {order}.",
        "GRU": "Two gates: update keeps one share of the memory and writes the rest, reset says how much of the memory "
        f"the new candidate may look at. {rows}; {order}.",
    }.get(kind, f"{rows}." if gated else f"{kind} has no gates; what it remembers is its state. {rows}.")


def _rows_said(taps: Mapping[str, Array]) -> str:
    units = max(values.shape[1] for values in taps.values())
    return f"{MOST_ROWS} of {units} units are shown, evenly chosen." if units > MOST_ROWS else ""
