"""Cut one region into sweeps: as few as the sums over features and the products of computed values allow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from everystep.compiler import ir
from everystep.compiler.ir import Node
from everystep.compiler.plan import Place, Spot, Store, Sum, Sweep

CHEAP = {
    "neg", "abs", "sign", "relu", "floor", "add", "sub", "mul", "maximum", "minimum", "stop", "where", "number", "not",
}  # fmt: skip
REDUCED = {"sum", "max"}


class Key(NamedTuple):
    """Which sweep: the phase of the step, single features first."""

    level: int
    wide: bool
    size: int


@dataclass
class _Draft:
    size: int
    nodes: dict[Node, None] = field(default_factory=dict)
    loads: dict[Node, Spot] = field(default_factory=dict)
    sums: dict[Node, Place] = field(default_factory=dict)
    stores: list[Store] = field(default_factory=list)
    gathers: list[Sum] = field(default_factory=list)

    def sweep(self) -> Sweep:
        return Sweep(self.size, tuple(self.nodes), self.loads, self.sums, tuple(self.stores), tuple(self.gathers))


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
        if node.op in REDUCED:
            self._draft(Key(self._level(node) + 1, False, 1), store)
        else:
            self._draft(Key(self._level(node), node.size > 1, node.size), store)

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
        start = ir.start_of(node) if node.op == "affine" else None
        multiplied = [value for value, _ in ir.products(node)] if node.op == "affine" else []
        together = [start] if start is not None else [] if multiplied else list(node.inputs)
        levels = [0]
        if start is not None and start in self._multiplied:
            levels.append(self._levels[start] + 1)  # a sum begins with what is known before any product of its sweep
        levels += [self._levels[i] + (i.op in REDUCED and not self._found(i)) for i in together]
        levels += [self._levels[i] + 1 + (i.op in REDUCED) for i in multiplied if not self._found(i)]
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
        if node in draft.nodes or node in draft.loads or node in draft.sums:
            return True
        if node.op in {"vector", "constant"}:
            draft.nodes[node] = None
        elif node in self._given:
            draft.loads[node] = self._memory[node]
        elif node.op == "slice":
            draft.loads[node] = self._sliced(node)
        elif node.op in REDUCED and not key.wide:
            draft.sums[node] = self._gathered(node)
        elif node.op in REDUCED or self._belongs_elsewhere(node, key):
            draft.loads[node] = self._stored(node)
        else:
            return False
        return True

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
        return self._level(node) < key.level and not self._easily_redone(node)

    def _easily_redone(self, node: Node) -> bool:
        at_hand = (i.op in ir.LEAVES or i in self._memory or i.truth for i in node.inputs)
        return node.op in CHEAP and all(at_hand)

    def _stored(self, node: Node) -> Spot:
        """Find a value in memory; have it stored there if need be."""
        if node.op == "slice":
            return self._sliced(node)
        if node not in self._memory:
            self.goals([Store(node, Spot(self._scratch(node)))])
        return self._memory[node]

    def _sliced(self, node: Node) -> Spot:
        place, offset = self._stored(node.inputs[0])
        return Spot(place, offset + node.attribute)

    def _gathered(self, node: Node) -> Place:
        if node not in self._partial:
            self._partial[node] = place = self._scratch(node)._replace(size=0)
            value = node.inputs[0]
            key = Key(self._level(node), value.size > 1, value.size)
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
