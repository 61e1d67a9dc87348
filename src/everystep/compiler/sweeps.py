"""Cut one region into sweeps: as few as the sums over features and the products of computed values allow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from everystep.compiler import ir
from everystep.compiler.ir import Node
from everystep.compiler.plan import Fold, Place, Spot, Store, Sum, Sweep

CHEAP = {
    "neg", "abs", "sign", "relu", "floor", "add", "sub", "mul", "maximum", "minimum", "stop", "where", "number", "not",
}  # fmt: skip
WHOLE = {"cat", *ir.FOLDS}  # in memory as a whole before anything reads them


class Key(NamedTuple):
    """Which sweep: the phase of the step, single features first; one over runs of features has no products."""

    level: int
    wide: bool
    size: int
    in_runs: bool = False


@dataclass
class _Draft:
    size: int
    nodes: dict[Node, None] = field(default_factory=dict)
    loads: dict[Node, Spot] = field(default_factory=dict)
    sums: dict[Node, Place] = field(default_factory=dict)
    stores: list[Store] = field(default_factory=list)
    gathers: list[Sum] = field(default_factory=list)
    folds: list[Fold] = field(default_factory=list)
    repeats: dict[Node, Spot] = field(default_factory=dict)

    def sweep(self) -> Sweep:
        ends = tuple(self.stores), tuple(self.gathers), tuple(self.folds)
        return Sweep(self.size, tuple(self.nodes), self.loads, self.sums, *ends, self.repeats)


class Sweeps:
    """The sweeps of one region, drafted goal by goal.

    Args:
        memory: Where values are found that earlier regions left there, or that were given. What this region
            stores is added.
        scratch: Makes a new place for a value that one sweep leaves to another.
    """

    def __init__(self, memory: dict[Node, Spot], scratch: Callable[[Node], Place]) -> None:
        self._memory = memory
        self._given = set(memory)
        self._scratch = scratch
        self._drafts: dict[Key, _Draft] = {}
        self._levels: dict[Node, int] = {}
        self._multiplied: set[Node] = set()  # what follows from a product of this region
        self._partial: dict[Node, Place] = {}
        self._whole: dict[Node, Spot] = {}
        self._repeats: set[Node] = set()  # what follows from repeated values

    def finished(self) -> tuple[Sweep, ...]:
        """Every sweep in the order in which they run."""
        return tuple(self._drafts[key].sweep() for key in sorted(self._drafts))

    def goals(self, stores: list[Store]) -> None:
        """Have values stored; each is computed once, and read from there where another sweep needs it."""
        stores = [piece for store in stores for piece in pieces(store)]
        for node, spot in stores:
            if spot.place.space != "total" and not node.truth:
                self._memory.setdefault(node, spot)
        for store in stores:
            self._goal(store)

    def _goal(self, store: Store) -> None:
        node = store.node
        level = self._level(node) + (node.op in ir.REDUCED | WHOLE)
        if node.op in ir.REDUCED:
            self._draft(Key(level, False, 1), store)
        else:
            self._draft(Key(level, node.size > 1, node.size, node in self._repeats), store)

    def _draft(self, key: Key, store: Store) -> None:
        draft = self._drafts.setdefault(key, _Draft(key.size))
        self._walk(store.node, key)
        draft.stores.append(store)

    def _level(self, node: Node) -> int:
        """How many times memory must be gone through before a value can be computed."""
        if node not in self._levels:
            for one in ir.sorted_nodes([node]):
                if one not in self._levels:
                    self._levels[one] = 0 if self._found(one) else self._own_level(one)
                    if not self._found(one) and (one.op == "affine" or any(i in self._multiplied for i in one.inputs)):
                        self._multiplied.add(one)
        return self._levels[node]

    def _own_level(self, node: Node) -> int:
        if node.op == "affine":
            return self._level_of_products(node)
        if self._is_repeated(node):
            self._repeats.add(node)
        return max([0, *(self._levels[i] + self._later(node, i) for i in node.inputs)])

    def _later(self, node: Node, value: Node) -> int:
        """How many levels after one of its inputs a value comes."""
        if self._found(value):
            return 0
        if node.op in {"repeat", "slice"}:  # of memory
            return 1 + (value.op in ir.REDUCED)
        if value.op in ir.REDUCED | WHOLE:
            return 1
        if node.op in ir.FOLDS or node in self._repeats:  # products have sweeps of their own
            return int(value not in self._repeats)
        return 0

    def _is_repeated(self, node: Node) -> bool:
        return node.op == "repeat" or (node.op in ir.ELEMENTWISE and any(i in self._repeats for i in node.inputs))

    def _level_of_products(self, node: Node) -> int:
        start, levels = ir.start_of(node), [0]
        if start is not None:  # a sum begins with what is known before any product of its sweep
            apart = start in self._multiplied or start in self._repeats
            levels.append(self._levels[start] + (1 if apart else self._later(node, start)))
        levels += [self._levels[v] + 1 + (v.op in ir.REDUCED) for v, _ in ir.products(node) if not self._found(v)]
        return max(levels)

    def _found(self, node: Node) -> bool:
        return node.op in ir.LEAVES or node in self._given

    def _walk(self, end: Node, key: Key) -> None:
        """Draft a value and all that it is computed from; depth first without recursion."""
        draft = self._drafts[key]
        stack = [(end, False)]
        while stack:
            node, done = stack.pop()
            if done:
                draft.nodes[node] = None
            elif not self._found_in(draft, node, key):
                stack.append((node, True))
                stack.extend((i, False) for i in reversed(self._fused(draft, node)))

    def _found_in(self, draft: _Draft, node: Node, key: Key) -> bool:
        """Whether a value is at hand in a sweep: drafted already, or read from memory."""
        if any(node in found for found in (draft.nodes, draft.loads, draft.sums, draft.repeats)):
            return True
        if node.op in {"vector", "constant"}:
            draft.nodes[node] = None
        elif node in self._given:
            draft.loads[node] = self._memory[node]
        elif node.op == "repeat" and key.in_runs:
            self._take_repeated(draft, node)
        elif node.op == "slice" or node.op in WHOLE:
            draft.loads[node] = self._stored(node)
        elif node.op in ir.REDUCED and not key.wide:
            draft.sums[node] = self._gathered(node)
        elif node.op in ir.REDUCED or self._belongs_elsewhere(node, key):
            draft.loads[node] = self._stored(node)
        else:
            return False
        return True

    def _take_repeated(self, draft: _Draft, node: Node) -> None:
        """Have a repeated value at hand: what it repeats is a parameter, or in memory."""
        (value,) = node.inputs
        if value.op == "vector":
            draft.nodes |= {value: None, node: None}
        else:
            draft.repeats[node] = self._stored(value)

    def _fused(self, draft: _Draft, node: Node) -> tuple[Node, ...]:
        """The inputs that are computed in the same sweep; multiplied ones are read from memory."""
        if node.op != "affine":
            return node.inputs
        for value, _ in ir.products(node):
            draft.loads[value] = self._stored(value)
        start = ir.start_of(node)
        return () if start is None else (start,)

    def _belongs_elsewhere(self, node: Node, key: Key) -> bool:
        if node.truth:
            return False  # masks are never stored: they are made again
        if node.size == 1 and key.wide:
            return True
        if node in self._repeats or key.in_runs:
            return self._belongs_apart(node, key)
        return self._level(node) < key.level and not self._easily_redone(node)

    def _belongs_apart(self, node: Node, key: Key) -> bool:
        """As above, where one sweep goes over runs: repeated values are made again by all such that need them."""
        if node in self._repeats:
            return not key.in_runs
        return not self._easily_redone(node)

    def _easily_redone(self, node: Node) -> bool:
        at_hand = (i.op in ir.LEAVES or i in self._memory or i.truth for i in node.inputs)
        return node.op in CHEAP and all(at_hand)

    def _stored(self, node: Node) -> Spot:
        """Find a value in memory; have it stored there if need be."""
        if node.op == "slice":
            return self._sliced(node)
        if node.op in WHOLE and node not in self._given:
            return self._kept_whole(node)
        if node not in self._memory:
            self.goals([Store(node, Spot(self._scratch(node)))])
        return self._memory[node]

    def _sliced(self, node: Node) -> Spot:
        place, offset = self._stored(node.inputs[0])
        return Spot(place, offset + node.attribute)

    def _kept_whole(self, node: Node) -> Spot:
        """Find what is in memory as a whole; have it brought there if need be."""
        if node not in self._whole:
            self._whole[node] = spot = Spot(self._scratch(node))
            if node.op == "cat":
                self.goals([Store(node, spot)])
                return spot
            (value,) = node.inputs
            key = Key(self._level(node), True, value.size, in_runs=True)
            draft = self._drafts.setdefault(key, _Draft(key.size))
            self._walk(value, key)
            draft.folds.append(Fold(node, spot))
        return self._whole[node]

    def _gathered(self, node: Node) -> Place:
        if node not in self._partial:
            self._partial[node] = place = self._scratch(node)._replace(size=0)
            value = node.inputs[0]
            key = Key(self._level(node), value.size > 1, value.size, value in self._repeats)
            draft = self._drafts.setdefault(key, _Draft(key.size))
            self._walk(value, key)
            draft.gathers.append(Sum(node, place))
        return self._partial[node]


def pieces(store: Store) -> list[Store]:
    """Take a cat apart: each value goes to its own part of the spot."""
    node, (place, offset) = store
    if node.op != "cat":
        return [store]
    found = []
    for piece in node.inputs:
        found += pieces(Store(piece, Spot(place, offset)))
        offset += piece.size
    return found
