"""One item of the tour: what was computed, and what is said and shown about it.

Each item has a file ``n1_sharing.py`` ... with a function ``compute() -> Item`` that trains and measures, without a
word of HTML; ``pictures/`` draws what lies in ``data``. What the pictures look for, all of it plain lists of numbers:

- N1 ``lengths``, ``parameters``, ``mse`` (one each per T); ``tied`` and ``untied`` (the gradient of one shared
  parameter, and that of each of its T untied copies).
- N2 ``autonomous`` and ``driven``: each ``{"computed": [[s1, s2], ...], "closed_form": [[s1, s2], ...]}``,
  t = 0 ... T; ``driven`` also ``"x"``.
- N3 ``steps``; ``state_log10`` and ``gradient_log10``: ``{"tanh": [...], "relu": [...]}``, one a step, for the shift;
  ``random``: ``{"tanh": [[log10 of the norm, one a step], ... one list a W], "relu": ...}``.
- N4 one short stretch for each of ``scalar_forced``, ``scalar_free``, ``vector``, ``leaky``:
  ``{"target": [...], "forced": [...], "free": [...]}``.
- N5 ``x`` and ``y`` (as asked for with ``--x``), ``model1``, ``model2``, ``model3``: each ŷ on that x (None beyond what
  Model 2 was fitted for); ``random``: the same five keys on a stretch of random x; ``alphas``: Model 2's triangle.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from everystep.errors import ArgumentError


@dataclass(frozen=True)
class Item:
    """What one item of the notes computed.

    Args:
        number: ``"N1"`` ... ``"N8"``.
        title: A few words, as the notes have them.
        figures: The numbers, JSON-ready and finite: logarithms of norms, not norms that may be 0 or infinite.
        code: The few lines that show the idea, runnable as they stand.
        prose: Paragraphs; words between backticks are code.
        data: What the pictures draw: lists of numbers by name.

    Raises:
        ArgumentError: A figure is not finite, or is not JSON.

    Example:
        >>> from everystep.tour.item import Item
        >>> Item("N6", "Unroll the graph", {"nodes": 16, "edges": 15}).figures["nodes"]
        16
    """

    number: str
    title: str
    figures: Mapping[str, Any]
    code: str = ""
    prose: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        _check_finite(self.number, self.figures)


def _check_finite(path: str, value: Any) -> None:
    """Refuse what JSON has no honest form for, and name where it lies."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise ArgumentError(f"{path}: the key {key!r} is a {type(key).__name__}; expected a string.")
            _check_finite(f"{path}.{key}", inner)
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            _check_finite(f"{path}[{place}]", inner)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ArgumentError(f"{path}: is {value}; expected a finite number: give the log10 of a norm.")
    elif not isinstance(value, float | int | str | None):
        raise ArgumentError(
            f"{path}: is a {type(value).__name__}; expected a number, a string, a list or a dict of them."
        )
