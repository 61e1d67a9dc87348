"""Reverse-mode derivatives of a step: from the gradients of its outputs to those of its leaves and parameters."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

from everystep.compiler.ir import (
    Node,
    View,
    affine,
    cat,
    constant,
    make,
    products,
    reduce,
    slice_of,
    sorted_nodes,
    spread,
    start_of,
    views,
)
from everystep.compiler.ops import OPS
from everystep.compiler.terms import Site


class Reduction(NamedTuple):
    """What the elements of a parameter under ``view`` get, summed over all rows and steps.

    The outer product of ``value`` and ``gradient`` for a view of (in, out); ``gradient`` alone for one of (size,), and
    for the row of a table that ``row`` names.
    """

    view: View
    gradient: Node
    value: Node | None = None
    row: Node | None = None


class Gradients(NamedTuple):
    """Gradients of what was wanted, in terms of the nodes of the step; what no seed reaches is absent."""

    of: dict[Node, Node]
    reductions: list[Reduction]


def differentiate(seeds: Mapping[Node, Node], wanted: Iterable[Node], wanted_roots: Container[str] = ()) -> Gradients:
    """Carry gradients backward through a step.

    Args:
        seeds: The gradient of each output node that has one, in the node's size.
        wanted: Nodes whose gradients are asked for. One that feeds another is differentiated through.
        wanted_roots: Names of the parameters whose gradients are asked for.

    Returns:
        Gradients of exactly these; what leads to none of them is not built.
    """
    nodes = sorted_nodes(seeds)
    wanted = set(wanted)
    backward = _Backward(wanted_roots, _leading_to(wanted, wanted_roots, nodes))
    for node, gradient in seeds.items():
        backward.give(node, gradient)
    of = {}
    for node in reversed(nodes):
        if node in backward.ranges:
            if node in wanted:
                of[node] = backward.whole(node)
            backward.pass_on(node)
    return Gradients(of, backward.reductions)


def _leading_to(wanted: set[Node], wanted_roots: Container[str], nodes: list[Node]) -> set[Node]:
    """The nodes whose gradient is needed."""
    found: set[Node] = set()
    for node in nodes:
        if not node.truth and (node in wanted or _takes(node, wanted_roots) or any(_differentiable(node, found))):
            found.add(node)
    return found


def _takes(node: Node, wanted_roots: Container[str]) -> bool:
    """Whether a node looks at a wanted parameter."""
    return any(view.root in wanted_roots for view in views(node))


def _differentiable(node: Node, found: set[Node]) -> Iterable[bool]:
    """For each input, whether it is among those found and gets a gradient."""
    if node.op == "lookup":  # an index gets none
        return ()
    if node.op not in OPS:
        return (i in found for i in node.inputs)
    return (i in found and rule is not None for i, rule in zip(node.inputs, OPS[node.op].rules, strict=True))


class _Backward:
    """Gradients on their way, by ranges of features: what slices give back meets in one cat, not in padded sums."""

    def __init__(self, wanted_roots: Container[str], needed: set[Node]) -> None:
        self.wanted_roots = wanted_roots
        self.needed = needed
        self.ranges: dict[Node, dict[tuple[int, int], Node]] = {}  # (low, high): gradient of these features
        self.reductions: list[Reduction] = []

    def give(self, node: Node, gradient: Node, low: int = 0) -> None:
        """Add a gradient of the features of a node from ``low`` on."""
        if node in self.needed and (gradient.size or not node.size):
            ranges, at = self.ranges.setdefault(node, {}), (low, low + gradient.size)
            ranges[at] = make("add", ranges[at], gradient, where=node.where) if at in ranges else gradient

    def whole(self, node: Node) -> Node:
        """The gradient of all features."""
        ranges = self.ranges[node]
        everything = ranges.pop((0, node.size), None)
        if ranges:
            together = _assembled(node, ranges)
            everything = together if everything is None else make("add", everything, together, where=node.where)
        assert everything is not None
        self.ranges[node] = {(0, node.size): everything}
        return everything

    def pass_on(self, node: Node) -> None:
        """Give every input of a node its share."""
        if node.op == "slice":
            for (low, _), gradient in self.ranges[node].items():
                self.give(node.inputs[0], gradient, low + node.attribute)
        elif node.op == "cat":
            self._through_cat(node)
        elif node.op == "affine":
            self._through_affine(node, self.whole(node))
        elif node.op == "vector":
            self._reduce(Reduction(node.attribute, self.whole(node)))
        elif node.op == "lookup":
            self._reduce(Reduction(node.attribute, self.whole(node), row=node.inputs[0]))
        elif node.op in OPS:
            self._by_rule(node, self.whole(node))

    def _through_cat(self, node: Node) -> None:
        first = 0
        for value in node.inputs:
            for (low, high), gradient in self.ranges[node].items():
                start, end = max(low, first), min(high, first + value.size)
                if start < end:
                    self.give(value, slice_of(gradient, start - low, end - start, node.where), start - first)
            first += value.size

    def _through_affine(self, node: Node, gradient: Node) -> None:
        for value, view in products(node):
            if value in self.needed:
                self.give(value, affine([gradient], [view.transposed], where=node.where))
            self._reduce(Reduction(view, gradient, value))
        start = start_of(node)
        if start is not None:
            self.give(start, gradient)

    def _by_rule(self, node: Node, gradient: Node) -> None:
        site = Site(node, gradient)
        for value, rule in zip(node.inputs, OPS[node.op].rules, strict=True):
            if rule is not None and value in self.needed:
                share = rule(site).node
                self.give(value, share if share.size == value.size else reduce("sum", share, node.where))

    def _reduce(self, one: Reduction) -> None:
        if one.view.root in self.wanted_roots:
            self.reductions.append(one)


def _assembled(node: Node, ranges: Mapping[tuple[int, int], Node]) -> Node:
    """Gradients of parts of a node as one cat, zero where there are none."""
    cuts = sorted({0, node.size, *(end for at in ranges for end in at)})
    return cat((_over(node, ranges, low, high) for low, high in pairwise(cuts)), node.where)


def _over(node: Node, ranges: Mapping[tuple[int, int], Node], low: int, high: int) -> Node:
    """The sum of the gradients that cover features ``low`` to ``high``, in the order in which they came."""
    parts = [slice_of(g, low - a, high - low, node.where) for (a, b), g in ranges.items() if a <= low and high <= b]
    if not parts:
        return spread(constant(0.0), high - low, node.where)
    total = parts[0]
    for part in parts[1:]:
        total = make("add", total, part, where=node.where)
    return total
