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
    charts = [_validation(curves), _training(curves)] if len(curves.epochs) > 1 else []
    return Markup("<section>\n<h2>How it was trained</h2>\n<p>{}</p>\n{}</section>").format(
        _words(curves), Markup("").join(charts)
    )


def _validation(curves: Curves) -> Markup:
    lines = [Line("validation", curves.epochs, curves.validation, role="forecast", weight=2.2)]
    if math.isfinite(curves.start):
        lines.insert(0, Line("Model 2", curves.epochs, np.full(len(curves.epochs), curves.start), dash="dotted"))
    return line_chart(
        lines,
        marks=[Mark(curves.best, f"kept: epoch {curves.best}")],
        title="Validation loss by epoch",
        alt=f"From {number(curves.validation[0])} to {number(np.nanmin(curves.validation))} at its lowest.",
        y_name="validation loss",
        heights=(250, 230),
        log=True,
    )


def _training(curves: Curves) -> Markup:
    """Draw the training loss apart: dropout and another stretch of the data give it another scale."""
    known = curves.train[np.isfinite(curves.train)]
    if not len(known):
        return Markup("")
    return line_chart(
        [Line("", curves.epochs, curves.train)],
        title="Training loss by epoch",
        alt=f"From {number(known[0])} to {number(known[-1])}.",
        y_name="training loss",
        x_name="epoch",
        heights=(170, 170),
        log=True,
    )


def _words(curves: Curves) -> str:
    kept = float(curves.validation[curves.epochs == curves.best][0]) if curves.best in curves.epochs else math.nan
    opening = f"The weights of epoch {curves.best} were kept: their validation loss, {number(kept)}, was the lowest"
    if not (math.isfinite(curves.start) and math.isfinite(kept) and curves.start > 0):
        return f"{opening}."
    gain = 1 - kept / curves.start
    if abs(gain) < 5e-4:
        return f"{opening}. The recurrent path added nothing to the linear one (Model 2), where training starts."
    side = "below" if gain > 0 else "above"
    return f"{opening}, {abs(gain):.1%} {side} Model 2, where training starts."
