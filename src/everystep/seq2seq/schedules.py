r"""How often a decoder in training is told the truth: schedules that go from teacher forcing to running freely.

Source: Bengio, Vinyals, Jaitly & Shazeer (2015), "Scheduled sampling for sequence prediction with recurrent neural
networks", section 2.4.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from everystep.errors import ArgumentError


def linear(step: int, slope: float, least: float = 0.0) -> float:
    r"""Give the probability of the truth at a training step: max(least, 1 - slope · step).

    Args:
        step: Training steps taken, 0 or more.
        slope: How much less at every step, 0 or more.
        least: Where it ends, 0 to 1.

    Example:
        >>> from everystep.seq2seq import schedules
        >>> schedules.linear(50, slope=0.01)
        0.5
    """
    if not (slope >= 0 and 0 <= least <= 1):
        raise ArgumentError(f"linear: slope is {slope!r} and least {least!r}; expected 0 or more, and 0 to 1.")
    return max(least, 1.0 - slope * step)


def exponential(step: int, base: float) -> float:
    r"""Give the probability of the truth at a training step: base^step.

    Args:
        step: Training steps taken, 0 or more.
        base: How much of it is left after a step, more than 0 and at most 1.

    Example:
        >>> from everystep.seq2seq import schedules
        >>> schedules.exponential(2, base=0.5)
        0.25
    """
    if not 0 < base <= 1:
        raise ArgumentError(f"exponential: base is {base!r}; expected more than 0 and at most 1.")
    return base**step


def inverse_sigmoid(step: int, k: float) -> float:
    r"""Give the probability of the truth at a training step: k / (k + exp(step / k)).

    Args:
        step: Training steps taken, 0 or more.
        k: Speed of the decay, 1 or more; the truth is told half of the time at step k log k.

    Example:
        >>> from everystep.seq2seq import schedules
        >>> round(schedules.inverse_sigmoid(0, k=99), 2)
        0.99
    """
    if not k >= 1:
        raise ArgumentError(f"inverse_sigmoid: k is {k!r}; expected 1 or more.")
    return k / (k + math.exp(min(step / k, 700.0)))  # e⁷⁰⁰ is about the largest number


SCHEDULES: dict[str, Callable[..., float]] = {
    "linear": linear,
    "exponential": exponential,
    "inverse_sigmoid": inverse_sigmoid,
}
