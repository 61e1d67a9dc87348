"""Times that can be compared: all sides in turns, ratios within a turn, an interval for their median."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

ROUNDS = 9
MOST_CALLS = 60  # in one turn
LOOK = 0.003  # seconds between two looks at whether threads of the side before still wait awake for more work
IDLE = 0.1  # share of one processor below which they sleep
PATIENCE = 0.5  # seconds after which a side begins all the same
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
    settle()
    if warm:
        run()
    return statistics.median(elapsed(run) for _ in range(calls))


def settle() -> None:
    """Wait until the threads of the side before sleep: some wait awake for more work for a tenth of a second."""
    began = time.perf_counter()
    while True:
        looked, used = time.perf_counter(), time.process_time()
        time.sleep(LOOK)
        now = time.perf_counter()
        if time.process_time() - used < IDLE * (now - looked) or now - began > PATIENCE:
            return


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
