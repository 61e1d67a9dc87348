"""Learning-rate schedules: pure functions of the step and of how validation went, so that there is nothing to save."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple


class When(NamedTuple):
    """Where a run is, counted from the end of warm-up."""

    step: int  # 0 is the first after warm-up
    steps: int  # in the rest of the run
    warmup_steps: int  # before it
    plateaus: int  # how often validation stopped getting better


def constant(when: When) -> float:  # noqa: ARG001
    """Stay at the full learning rate."""
    return 1.0


def cosine(when: When) -> float:
    """Fall from 1 to 0 along half a cosine over the rest of the run (Loshchilov and Hutter, SGDR, 2017)."""
    return 0.5 * (1.0 + math.cos(math.pi * when.step / max(1, when.steps)))


def inverse_sqrt(when: When) -> float:
    """Fall as one over the root of the step: half after four times the warm-up (Vaswani et al., 2017, equation 3)."""
    return math.sqrt(max(1, when.warmup_steps) / (when.warmup_steps + when.step + 1))


def plateau(when: When) -> float:
    """Halve whenever validation stops getting better."""
    return 0.5**when.plateaus


SCHEDULES: dict[str, Callable[[When], float]] = {
    "constant": constant,
    "cosine": cosine,
    "inverse_sqrt": inverse_sqrt,
    "plateau": plateau,
}


def learning_rate(step: int, steps: int, *, peak: float, schedule: str, warmup_steps: int, plateaus: int = 0) -> float:
    """Give the learning rate of one step.

    Args:
        step: The step, 0 to ``steps`` - 1.
        steps: Steps in the whole run.
        peak: The highest learning rate.
        schedule: A name in ``SCHEDULES``, for the steps after warm-up.
        warmup_steps: Steps over which the rate rises to ``peak``; the first one is already above 0.
        plateaus: How often validation stopped getting better: see :func:`plateaus_in`.

    Returns:
        The learning rate.

    Example:
        >>> from everystep.train.schedule import learning_rate
        >>> [round(learning_rate(t, 6, peak=1.0, schedule="cosine", warmup_steps=2), 2) for t in range(6)]
        [0.5, 1.0, 1.0, 0.85, 0.5, 0.15]
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return peak * SCHEDULES[schedule](When(step - warmup_steps, steps - warmup_steps, warmup_steps, plateaus))


def plateaus_in(validations: Iterable[float], epochs: int) -> int:
    """Count how often validation did not get better for so many epochs; the count begins anew each time.

    Example:
        >>> from everystep.train.schedule import plateaus_in
        >>> plateaus_in([3.0, 2.0, 2.5, 2.0, 2.1, 1.0, 1.5], epochs=2)
        1
    """
    best, waited, found = math.inf, 0, 0
    for value in validations:
        waited = 0 if value < best else waited + 1
        best = min(best, value)
        if waited == epochs:
            found, waited = found + 1, 0
    return found
