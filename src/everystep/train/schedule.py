"""Learning-rate schedules: pure functions of the step, so that there is nothing to save."""

from __future__ import annotations

import math
from collections.abc import Callable


def constant(progress: float) -> float:  # noqa: ARG001
    """Stay at the full learning rate."""
    return 1.0


def cosine(progress: float) -> float:
    """Fall from 1 to 0 along half a cosine, as ``progress`` goes from 0 to 1 (Loshchilov and Hutter, SGDR, 2017)."""
    return 0.5 * (1.0 + math.cos(math.pi * progress))


SCHEDULES: dict[str, Callable[[float], float]] = {"constant": constant, "cosine": cosine}


def learning_rate(step: int, steps: int, *, peak: float, schedule: str, warmup_steps: int) -> float:
    """Give the learning rate of one step.

    Args:
        step: The step, 0 to ``steps`` - 1.
        steps: Steps in the whole run.
        peak: The highest learning rate.
        schedule: A name in ``SCHEDULES``, for the steps after warm-up.
        warmup_steps: Steps over which the rate rises to ``peak``; the first one is already above 0.

    Returns:
        The learning rate.

    Example:
        >>> from everystep.train.schedule import learning_rate
        >>> [round(learning_rate(t, 6, peak=1.0, schedule="cosine", warmup_steps=2), 2) for t in range(6)]
        [0.5, 1.0, 1.0, 0.85, 0.5, 0.15]
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return peak * SCHEDULES[schedule]((step - warmup_steps) / max(1, steps - warmup_steps))
