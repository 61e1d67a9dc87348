"""Training: the losses, where they began, and the weights that were kept."""

from __future__ import annotations

import math

import numpy as np

from everystep.forecast.results import Curves
from everystep.pages import Line, Mark, Markup, line_chart, number


def training_section(curves: Curves) -> Markup:
    """Show the loss over the epochs beside that of Model 2, where training starts."""
    if not len(curves.epochs):
        return Markup("")
    return Markup("<section>\n<h2>How it was trained</h2>\n<p>{}</p>\n{}</section>").format(
        _words(curves), _chart(curves) if len(curves.epochs) > 1 else ""
    )


def _chart(curves: Curves) -> Markup:
    return line_chart(
        _lines(curves),
        marks=[Mark(curves.best, f"kept: epoch {curves.best}")],
        title="Loss by epoch",
        alt=f"Validation loss from {number(curves.validation[0])} to {number(np.nanmin(curves.validation))}.",
        y_name="loss",
        x_name="epoch",
        log=True,
    )


def _lines(curves: Curves) -> list[Line]:
    lines = [Line("training", curves.epochs, curves.train)]
    if math.isfinite(curves.start):
        lines.insert(0, Line("Model 2", curves.epochs, np.full(len(curves.epochs), curves.start), dash="dotted"))
    return [*lines, Line("validation", curves.epochs, curves.validation, role="forecast", weight=2.2)]


def _words(curves: Curves) -> str:
    kept = float(curves.validation[curves.epochs == curves.best][0]) if curves.best in curves.epochs else math.nan
    opening = f"The weights of epoch {curves.best} were kept: their validation loss, {number(kept)}, was the lowest"
    if not (math.isfinite(curves.start) and math.isfinite(kept) and curves.start > 0):
        return f"{opening}."
    gain = 1 - kept / curves.start
    if abs(gain) < 5e-4:
        return f"{opening}. The recurrent path added nothing to the linear one (Model 2), where training starts."
    side = "below" if gain > 0 else "above"
    return f"{opening}, {abs(gain):.1%}".replace("%", "\u00a0%") + f" {side} Model 2, where training starts."
