"""One comparison: every side prepared, held against float64, and timed in turns."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping
from operator import itemgetter
from types import ModuleType
from typing import Any, NamedTuple

from benchmarks.peers import machine
from benchmarks.peers.contender import TOLERANCE, Contender, LeftOut, judge, worst
from benchmarks.peers.timing import ROUNDS, in_rounds
from benchmarks.peers.work import Point, Work, is_chaotic, make

QUIET = 0.06  # part of the machine used by others; beyond it two threads of a side are seldom both running
TRIES = 2


class Record(NamedTuple):
    """What came of one comparison.

    Attributes:
        mode: As in the work.
        cell: As in the work.
        point: As in the work.
        operations: Of the products, once.
        seconds: Of every side, one a round; those of the big product are under ``sgemm``.
        errors: Largest difference from float64 as a part of the largest value.
        left_out: Why a side is not there.
        others: Part of the machine that was used by others.
    """

    mode: str
    cell: str
    point: Point
    operations: float
    seconds: dict[str, list[float]]
    errors: dict[str, float]
    left_out: dict[str, str]
    others: float

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Record:
        """Make one from what ``_asdict`` became in a file."""
        return cls(**{**stored, "point": Point(*stored["point"])})

    @property
    def key(self) -> tuple[str, str, Point]:
        """What was compared."""
        return self.mode, self.cell, self.point


def race(mode: str, cell: str, point: Point, sides: Mapping[str, ModuleType], seconds: float) -> Record:
    """Compare all sides on one piece of work.

    Args:
        mode: As in the work.
        cell: As in the work.
        point: As in the work.
        sides: Modules with a ``prepare``, by name.
        seconds: To spend on each.
    """
    work = make(mode, cell, point)
    ready, errors, left_out = _checked(work, sides)
    runs = {name: side.run for name, side in ready.items()}
    if mode != "step":
        runs[machine.SGEMM] = machine.sgemm()
    times, others = quietly(runs, seconds)
    _forget()
    return Record(mode, cell, point, work.operations, times, errors, left_out, others)


def quietly(
    runs: Mapping[str, Callable[[], Any]], seconds: float, rounds: int = ROUNDS
) -> tuple[dict[str, list[float]], float]:
    """Time all of it, and once more where others were busy meanwhile; the quieter of the two counts."""
    found = []
    while len(found) < TRIES:
        with machine.Watch() as watch:
            times = in_rounds(runs, seconds, rounds)
        found.append((watch.others, times))
        if watch.others < QUIET:
            break
    others, times = min(found, key=itemgetter(0))
    return times, others


def _checked(
    work: Work, sides: Mapping[str, ModuleType]
) -> tuple[dict[str, Contender], dict[str, float], dict[str, str]]:
    right = judge(work)
    ready: dict[str, Contender] = {}
    errors: dict[str, float] = {}
    left_out: dict[str, str] = {}
    for name, module in sides.items():
        try:
            side = module.prepare(work)
            errors[name], where = worst(side.arrays(side.run()), right)
        except LeftOut as reason:
            left_out[name] = str(reason)
            continue
        except Exception as error:  # noqa: BLE001 - whatever a library raises, the others are still compared
            left_out[name] = f"failed: {error!r}"[:300]
            continue
        if errors[name] > TOLERANCE and not is_chaotic(work.cell, work.point):
            left_out[name] = f"wrong: {where} is off by {errors[name]:.1e}"
        else:
            ready[name] = side
    return ready, errors, left_out


def _forget() -> None:
    """Drop what libraries keep of a work that is over."""
    if jax := sys.modules.get("jax"):
        jax.clear_caches()
    gc.collect()
