"""An argument block, ready to run: by a team of threads, or for a while by one where the team was far too slow.

Threads of a team wait for each other awake. Where other programs hold the processors, one that lost its own makes all
the others wait for milliseconds, again at every region. One thread alone loses its share only. Results are the same to
the last bit.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from time import perf_counter
from typing import TypeAlias

from everystep.engines.llvm.build import Entry
from everystep.engines.llvm.layout import NUMBERS
from everystep.engines.llvm.pool import Team

Block: TypeAlias = "ctypes.Array[ctypes.c_int64]"

PATIENCE = 8.0  # times the best pace seen, from which a team counts as crowded; small batches are slower by themselves
GRACE = 2e-3  # seconds that any call may take
ALONE = 4.0  # times what a crowded call took, for which the process goes on alone; twice as long when it comes again
LONGEST = 5.0  # seconds of that, at most
TEAM = [NUMBERS.index(name) for name in ("parallel", "thread_num", "num_threads")]


SLOWEST = 1e9  # multiplications and additions a second that one thread of any machine surpasses


@dataclass
class Pace:
    """The fewest seconds that a program took for a step of one row."""

    best: float = float("inf")

    @classmethod
    def of(cls, work: int) -> Pace:
        """What any machine can, so that a program which never ran but in a crowd is known to be slow.

        Args:
            work: Multiplications and additions for a step of one row.
        """
        return cls(work / SLOWEST or float("inf"))


@dataclass
class _Crowd:
    until: float = 0.0
    times: float = ALONE


_crowd = _Crowd()


class Frame:
    """An argument block and what it points at that is not given: called by one thread at a time.

    Args:
        function: Takes the address of the block.
        block: The block.
        crew: The team that the block names.
        taken: Steps of all rows that a call takes.
        pace: What the program has shown it can do.
    """

    def __init__(self, function: Entry, block: Block, crew: Team, taken: int, pace: Pace) -> None:
        self.block, self._crew, self._taken, self._pace = block, crew, max(1, taken), pace
        self._function, self._address = function, ctypes.addressof(block)
        self.held: tuple[object, ...] = ()  # memory that the block points at
        self.own: frozenset[int] = frozenset()  # slots that are filled in
        self.size = 0  # bytes of scratch memory
        self._alone = crew.threads == 1

    @property
    def threads(self) -> int:
        """Of the team."""
        return self._crew.threads

    def refill(self, held: tuple[object, ...], taken: int) -> None:
        """Take over that the block points at other memory, for so many steps of all rows."""
        self.held, self._taken = held, max(1, taken)

    def run(self) -> None:
        """Run the code."""
        if self._crew.threads == 1:
            self._crew.enter(self._function, self._address)
            return
        begin = perf_counter()
        self._go_alone(begin < _crowd.until)
        self._crew.enter(self._function, self._address)
        if not self._alone:
            self._judge(begin, perf_counter())

    def _go_alone(self, alone: bool) -> None:
        if alone != self._alone:
            team = (0, 0, 0) if alone else (self._crew.parallel, self._crew.thread_num, self._crew.num_threads)
            for slot, address in zip(TEAM, team, strict=True):
                self.block[slot] = address
            self._alone = alone

    def _judge(self, begin: float, end: float) -> None:
        pace = (end - begin) / self._taken
        if pace > PATIENCE * self._pace.best and end - begin > GRACE:
            _crowd.until = end + min(_crowd.times * (end - begin), LONGEST)
            _crowd.times *= 2
        else:
            _crowd.times = ALONE
        self._pace.best = min(self._pace.best, pace)
