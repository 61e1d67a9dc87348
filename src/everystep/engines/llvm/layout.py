"""What compiled code is handed: one block of 64-bit numbers, addresses among them, with a name for each.

Code is compiled once for all lengths, batch sizes and threads: whatever a call decides comes in here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from everystep.compiler.ir import views
from everystep.compiler.plan import Place, Plan, Sweep
from everystep.engines.llvm.ahead import AHEAD
from everystep.engines.llvm.packing import tile_count
from everystep.engines.llvm.panels import most_slots, panels_of
from everystep.engines.llvm.target import Target

NUMBERS = (
    "steps",  # of the sequence
    "rows",  # of the batch
    "first",  # row of step 0 within a place of space time
    "stride",  # rows from one step to the next: the batch, or less than 0 under reverse
    "starts",  # address of the row of every step, and the end, where steps have unlike numbers of rows; else 0
    "chunk",  # steps that are worked on at a time
    "pieces",  # into which threads share a region
    "bounds",  # address of the rows of the batch at which pieces begin, and the end
    "bounds_on",  # bytes from the bounds of a chunk to those of the next one, where they differ; else 0
    "parallel", "thread_num", "num_threads",  # addresses of the functions of a team; 0: the caller alone
    "few",  # rows up to which threads share columns instead of rows
    "worth",  # multiplications and additions of a sweep from which they do
    "sweep", "context", "lines",  # whose columns they share: its number, the address of its context, its rows
    "low", "high",  # steps of this chunk
    "row_low", "row_high",  # their rows within a place of space time
)  # fmt: skip

SMALL_REST = 4  # times what one thread does alone is less than what threads share, where they share columns


class Layout:
    """Where everything stands in the block.

    Args:
        plan: What will run.
        target: What it will run on.
        dtype: float32 or float64.
        backward: Whether steps are taken from the last to the first.
    """

    def __init__(self, plan: Plan, target: Target, dtype: str, *, backward: bool) -> None:
        self.width = target.width(dtype)
        self.places = plan.places()
        self.carried = frozenset(plan.sequences)  # parts of the state that lie where they are left for all time
        self.arranged = {sweep: panels_of(sweep, self.width, most_slots(target.registers)) for sweep in plan.sweeps}
        self.panels = [panel for panels in self.arranged.values() for panel in panels.panels]
        self.roots = _roots(plan)
        self.gradients = sorted({Gradient(one.view.root, one.copy) for one in plan.reductions})
        self.initial = [place for place in self.places if self._starts_elsewhere(place, backward)]
        names: list[object] = [*NUMBERS, *self.places, *(Initial(place) for place in self.initial)]
        names += [*(Root(name) for name in self.roots), *self.panels, *self.gradients, AHEAD]
        self.slots: dict[object, int] = {name: n for n, name in enumerate(names)}

    @staticmethod
    def _starts_elsewhere(place: Place, backward: bool) -> bool:
        """Whether the first step finds a place at another address than the later ones.

        Not so backward in time, where sequences begin at unlike steps: there it lies in both halves of a pair.
        """
        return place.space == "previous" or (place.space == "entering" and not backward)

    def shared_work(self, sweep: Sweep) -> int:
        """Multiplications and additions for one row, if threads may share its columns; else 0.

        Sums over features go from column to column.
        """
        arranged = self.arranged[sweep]
        tiles = tile_count(sweep.size, arranged.columns, self.width)
        return arranged.work if tiles > 1 and not sweep.gathers else 0

    def most_shared(self, sweeps: Iterable[Sweep]) -> int:
        """The most that threads share of one of some sweeps; 0 if too much of the others is left to one thread."""
        sweeps = tuple(sweeps)
        most = max(map(self.shared_work, sweeps), default=0)
        alone = sum(self._work(sweep) for sweep in sweeps if not self.shared_work(sweep))
        return most if SMALL_REST * alone <= most else 0

    def _work(self, sweep: Sweep) -> int:
        return self.arranged[sweep].work + (len(sweep.nodes) * sweep.size if sweep.in_runs else 0)

    def row_size(self, place: Place) -> int:
        """Elements from one row of a place to the next; what is gathered over features has two vectors."""
        return place.size or 2 * self.width


@dataclass(frozen=True)
class Initial:
    """The state before the first step, for a place that is read one step back."""

    place: Place


@dataclass(frozen=True)
class Root:
    """A parameter."""

    name: str


@dataclass(frozen=True, order=True)
class Gradient:
    """A copy of the gradient of a parameter; their sum is its gradient."""

    name: str
    copy: int


def _roots(plan: Plan) -> list[str]:
    return sorted({view.root for sweep in plan.sweeps for node in sweep.nodes for view in views(node)})
