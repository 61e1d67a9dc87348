"""Cut wide values where anyone looks at a part of them, so that everything elementwise is aligned.

``gates.chunk(4)`` takes slices of one wide product. Afterwards there are four products with a part of the weights each,
and no slice or cat is left but slices of leaves, which are addresses, and cats at the outputs, which are places to
store to. What is made of runs of features, repeated or folded, is never cut: it is stored, and slices of it are
addresses too; what it is made of is stored as one, and so is what the largest feature is sought in.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from everystep.compiler import ir
from everystep.compiler.ir import Graph, Node
from everystep.errors import EngineError

MOST_PIECES = 64
Cuts = dict[Node, set[int]]


def split(graph: Graph) -> Graph:
    """Cut every value of a graph at the features where parts of it are used."""
    return Splitter(graph.nodes()).graph(graph)


class Splitter:
    """The pieces of every node.

    Args:
        nodes: Every node that matters, inputs first.
    """

    def __init__(self, nodes: list[Node]) -> None:
        self.cuts = find_cuts(nodes)
        self.pieces: dict[Node, list[Node]] = {}
        for node in nodes:
            self.pieces[node] = self._pieces_of(node)

    def graph(self, graph: Graph) -> Graph:
        """The same outputs, each put together from its pieces."""
        return Graph({name: self.whole(node) for name, node in graph.outputs.items()})

    def whole(self, node: Node) -> Node:
        """A node put together from its pieces."""
        return ir.cat(self.pieces[node])

    def _pieces_of(self, node: Node) -> list[Node]:
        if node.op in {"repeat", "argmax", *ir.FOLDS}:
            return [ir.with_inputs(node, (self.whole(node.inputs[0]),))]
        if _addressable(node):
            return [node]
        if node.op in {"sum", "max"}:
            return [self._reduced(node)]
        return [self._piece(node, low, high - low) for low, high in self._ranges(node)]

    def _ranges(self, node: Node) -> Iterable[tuple[int, int]]:
        return pairwise([0, *sorted(self.cuts[node]), node.size])

    def _piece(self, node: Node, low: int, size: int) -> Node:
        if node.op == "slice":
            return self._part(node.inputs[0], node.attribute + low, size)
        if node.op == "cat":
            return self._part(*_member(node, low), size)
        if node.op == "spread":
            return ir.spread(self._part(node.inputs[0], 0, 1), size, node.where)
        if node.op == "affine":
            return self._affine(node, low, size)
        if node.op == "lookup":
            return ir.lookup(self.whole(node.inputs[0]), node.attribute.part(1, low, size), node.where)
        inputs = (i if i.size == 1 and i.op in ir.LEAVES else self._part(i, low, size) for i in node.inputs)
        return ir.make(node.op, *inputs, where=node.where)

    def _part(self, node: Node, low: int, size: int) -> Node:
        """Features ``low`` to ``low + size`` of a value; a single feature spreads."""
        if node.size == 1:
            return self.pieces[node][0]
        if node.op == "vector":
            return ir.vector(node.attribute.part(0, low, size), node.where)
        if _addressable(node):
            return ir.slice_of(self.pieces[node][0], low, size, node.where)
        found, at = [], 0
        for piece in self.pieces[node]:
            if low <= at and at + piece.size <= low + size:
                found.append(piece)
            at += piece.size
        return ir.cat(found)

    def _affine(self, node: Node, low: int, size: int) -> Node:
        values, weights = [], []
        for value, weight in ir.products(node):
            row = 0
            for piece in self.pieces[value]:
                values.append(piece)
                weights.append(weight.part(0, row, piece.size).part(1, low, size))
                row += piece.size
        start = ir.start_of(node)
        return ir.affine(values, weights, None if start is None else self._part(start, low, size), node.where)

    def _reduced(self, node: Node) -> Node:
        parts = [ir.reduce(node.op, piece, node.where) for piece in self.pieces[node.inputs[0]]]
        result = parts[0]
        for part in parts[1:]:
            result = ir.make("add" if node.op == "sum" else "maximum", result, part, where=node.where)
        return result


def _member(node: Node, low: int) -> tuple[Node, int]:
    """The part of a cat in which a feature lies, and where in it."""
    for part in node.inputs:
        if low < part.size:
            return part, low
        low -= part.size
    raise IndexError(low)


def find_cuts(nodes: list[Node]) -> Cuts:
    """Find where each value must be cut: wherever something that shares its features is."""
    cuts: Cuts = {node: set() for node in nodes}
    changed = True
    while changed:
        changed = sum(_spread_cuts(node, cuts) for node in (*nodes, *reversed(nodes))) > 0
    return cuts


def _spread_cuts(node: Node, cuts: Cuts) -> bool:
    if node.op == "slice":
        return _share(cuts, node, node.inputs[0], node.attribute)
    if node.op == "cat":
        return _share_cat(node, cuts)
    aligned = (ir.start_of(node),) if node.op == "affine" else node.inputs if node.op in ir.ELEMENTWISE else ()
    sharing = [i for i in aligned if i is not None and i.size == node.size and not _addressable(i)]
    return sum(_share(cuts, node, other, 0) for other in sharing) > 0  # every one of them


def _share_cat(node: Node, cuts: Cuts) -> bool:
    changed, offset = False, 0
    for part in node.inputs:
        if _addressable(part):
            changed |= _add(cuts, node, {offset, offset + part.size})
        else:
            changed |= _share(cuts, part, node, offset)
        offset += part.size
    return changed


def _share(cuts: Cuts, part: Node, whole: Node, offset: int) -> bool:
    """Let a value and a part of it, which begins at ``offset``, have the same cuts."""
    if _addressable(whole):
        return False
    up = {offset, offset + part.size, *(offset + cut for cut in cuts[part])}
    changed = _add(cuts, whole, up)
    return _add(cuts, part, {cut - offset for cut in cuts[whole]}) or changed


def _add(cuts: Cuts, node: Node, points: set[int]) -> bool:
    inside = {point for point in points if 0 < point < node.size}
    if inside <= cuts[node]:
        return False
    cuts[node] |= inside
    if len(cuts[node]) >= MOST_PIECES:
        raise EngineError(f"{node.where or node.op}: a value falls into more than {MOST_PIECES} pieces.")
    return True


def _addressable(node: Node) -> bool:
    """Whether any part of a value can be had by an address alone: it is given, or stored as a whole."""
    return node.op in {"repeat", *ir.LEAVES, *ir.FOLDS}
