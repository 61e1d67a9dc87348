"""A plan: in which region and in which sweep every value is computed, and where it is kept meanwhile.

A plan knows regions, sweeps and places; tiles, packing and threads belong to the engine that emits it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from everystep.compiler.ir import Graph, Node, View


class Place(NamedTuple):
    """Where a value lies in memory, one row of ``size`` features after another.

    Spaces: ``time`` a row for every row of the batch at every step; ``previous`` the same, one step earlier, or the
    state before the first step; ``entering`` a part of the state as the step before left it; ``leaving`` where this
    step leaves it; ``row`` one row for each row of the batch; ``total`` the same, added to by every step; ``chunk``
    every step of the chunk of time that is being worked on; ``step`` this step only.
    """

    space: str
    name: str
    size: int
    truth: bool = False


class Spot(NamedTuple):
    """Features of a place: those from ``offset`` on."""

    place: Place
    offset: int = 0


class Store(NamedTuple):
    """A value and where it goes."""

    node: Node
    spot: Spot


class Fold(NamedTuple):
    """A fold of runs, finished by the sweep that goes over what it folds, and where it is left."""

    node: Node
    spot: Spot


class Sum(NamedTuple):
    """A sum or a maximum over features, gathered while a sweep goes over them."""

    node: Node
    place: Place  # what is gathered so far, lane by lane


@dataclass(frozen=True, eq=False)
class Sweep:
    """One pass over the features of values of one size: products, then everything elementwise, fused."""

    size: int
    nodes: tuple[Node, ...]  # computed here, inputs first
    loads: Mapping[Node, Spot]  # found in memory
    sums: Mapping[Node, Place]  # finished here from what was gathered in an earlier sweep
    stores: tuple[Store, ...]
    gathers: tuple[Sum, ...]
    folds: tuple[Fold, ...] = ()
    repeats: Mapping[Node, Spot] = field(default_factory=dict)  # repeated values: where what they repeat is found

    @property
    def in_runs(self) -> bool:
        """Whether it repeats or folds runs of features, and so goes over them run by run; it has no products."""
        return bool(self.folds or self.repeats) or any(node.op == "repeat" for node in self.nodes)

    def places(self) -> list[Place]:
        """Every place that is read or written, once each."""
        spots = [*self.loads.values(), *self.repeats.values(), *(one.spot for one in (*self.stores, *self.folds))]
        places = [*(spot.place for spot in spots), *self.sums.values(), *(gather.place for gather in self.gathers)]
        return list(dict.fromkeys(places))


@dataclass(frozen=True)
class Reduction:
    """A gradient of parameters: the sum over all rows and steps of value times gradient."""

    view: View
    gradient: Spot
    value: Spot | None = None  # None: the gradient alone is summed
    row: Spot | None = None  # which row of a table the gradient belongs to; None: it belongs to all of the view
    copy: int = 0  # of the parameter's gradient: what two products add to one element, they add to two copies

    @property
    def spots(self) -> list[Spot]:
        """What is read: a value or which row, then the gradient."""
        return [spot for spot in (self.value, self.row, self.gradient) if spot is not None]

    @property
    def work(self) -> int:
        """Multiplications and additions for one step of one row."""
        return self.view.shape[-1] * (1 if self.value is None else self.view.shape[0])


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that is done for one pass over time, forward or backward."""

    graph: Graph
    before: tuple[Sweep, ...]  # hoisted: over all rows of a chunk, before its steps
    loop: tuple[Sweep, ...]  # step by step
    after: tuple[Sweep, ...]  # sunk: over all rows of a chunk, after its steps
    reductions: tuple[Reduction, ...] = ()
    sequences: Mapping[str, str] = field(default_factory=dict)  # parts stored for all time: the output that holds them

    @property
    def sweeps(self) -> tuple[Sweep, ...]:
        """Every sweep, in order."""
        return (*self.before, *self.loop, *self.after)

    def places(self) -> list[Place]:
        """Every place that is read or written, once each."""
        spots = [spot for one in self.reductions for spot in one.spots]
        places = [place for sweep in self.sweeps for place in sweep.places()]
        return list(dict.fromkeys([*places, *(spot.place for spot in spots)]))
