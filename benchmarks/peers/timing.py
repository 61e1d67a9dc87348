"""Times that can be compared: all sides in turns, ratios within a turn, an interval for their median."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

ROUNDS = 9
MOST_CALLS = 60  # in one turn
SETTLED = 0.003  # seconds after which the threads of the side before have stopped waiting for more work
SHORT = 0.03  # seconds of a call below which it is run once untimed, to bring its memory and threads back
DRAWS = 2000


def in_rounds(sides: Mapping[str, Callable[[], Any]], seconds: float, rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Run every side in every round, each round starting with another one.

    Args:
        sides: What to run, by name.
        seconds: To spend on each side, at least one call a round.
        rounds: How many.

    Returns:
        For every side the median seconds of a call in each round.
    """
    names = list(sides)
    calls = {name: _calls(run, seconds / rounds) for name, run in sides.items()}
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds if names else 0):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            times[name].append(_turn(sides[name], *calls[name]))
    return times


def _calls(run: Callable[[], Any], seconds: float) -> tuple[int, bool]:
    """How many calls make a turn, and whether one goes before them untimed."""
    run()
    once = elapsed(run)
    return max(1, min(MOST_CALLS, int(seconds / once))), once < SHORT


def _turn(run: Callable[[], Any], calls: int, warm: bool) -> float:
    time.sleep(SETTLED)
    if warm:
        run()
    return statistics.median(elapsed(run) for _ in range(calls))


def elapsed(run: Callable[[], Any]) -> float:
    """The seconds of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> tuple[float, float, float]:
    """The median of theirs / ours over rounds, and its 95 % interval by the bootstrap."""
    pairs = np.array(theirs) / np.array(ours)
    drawn = np.random.default_rng(0).choice(pairs, (DRAWS, len(pairs)))
    low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
    return float(np.median(pairs)), float(low), float(high)
