"""Which values are computed before the loop, in it, and after it."""

from __future__ import annotations

from typing import NamedTuple

from everystep.compiler import ir
from everystep.compiler.ir import Graph, Node
from everystep.compiler.simplify import depends_on, rewritten, share

# Leaves that are found at a step, not at a row of a chunk: the state one step back lies elsewhere for a first step.
_STEP_BY_STEP = ("state", "row", "before")


class Regions(NamedTuple):
    """A graph whose products of x stand on their own, and where each of its nodes belongs."""

    graph: Graph
    before: set[Node]
    after: set[Node]


def divide(graph: Graph, widest_fused: int) -> Regions:
    """Hoist and sink.

    Hoisted are products of what depends on x alone, with all they need, and what follows from them and x alone.
    Sunk are products that no later step needs, with all that follows from them. Neither changes a bit of any result.

    Args:
        graph: A simplified graph; outputs named ``state:...`` are carried to the next step.
        widest_fused: Products of x with at most so many features stay in the loop, where x is read anyway.
    """
    graph = share(rewritten(graph, _Hoister(graph, widest_fused)))
    nodes = graph.nodes()
    carried = depends_on(nodes, *_STEP_BY_STEP)
    before = _hoisted(nodes, carried, widest_fused)
    fed = set(ir.sorted_nodes(node for name, node in graph.outputs.items() if name.startswith(("state:", "row:"))))
    fed |= _held(nodes, fed)
    after: set[Node] = set()
    for node in nodes:
        alone = node not in fed and node not in before
        if alone and (node.op == "affine" or any(i in after for i in node.inputs)):
            after.add(node)
    return Regions(graph, before, after)


class _Hoister:
    """Split an affine into its products of x, to be hoisted, and the rest, which begins with their sum."""

    def __init__(self, graph: Graph, widest_fused: int) -> None:
        self.widest_fused = widest_fused
        self.carried = depends_on(graph.nodes(), *_STEP_BY_STEP)

    def __call__(self, node: Node) -> Node:
        if any(i in self.carried for i in node.inputs):
            self.carried.add(node)
        if node.op != "affine" or node not in self.carried:
            return node
        start, products = ir.start_of(node), ir.products(node)
        first = next((n for n, (value, _) in enumerate(products) if value in self.carried), len(products))
        hoisted, rest = products[:first], products[first:]
        if not hoisted or start in self.carried or not any(_wide(value, self.widest_fused) for value, _ in hoisted):
            return node
        if not rest:  # only the start is carried, which was excluded
            return node
        values, weights = zip(*hoisted, strict=True)
        before = ir.affine(values, weights, start, node.where)
        values, weights = zip(*rest, strict=True)
        after = ir.affine(values, weights, before, node.where)
        self.carried.add(after)
        return after


def _hoisted(nodes: list[Node], carried: set[Node], widest_fused: int) -> set[Node]:
    products = [
        node
        for node in nodes
        if node.op == "affine" and node not in carried and any(_wide(v, widest_fused) for v, _ in ir.products(node))
    ]
    before = set(ir.sorted_nodes(products))
    follows = set(products)
    for node in nodes:
        if node not in carried and any(i in follows for i in node.inputs):
            follows.add(node)
    before |= set(ir.sorted_nodes(follows))
    return _without_repeats({node for node in before if node.op not in ir.LEAVES}, nodes)


def _without_repeats(before: set[Node], nodes: list[Node]) -> set[Node]:
    """Leave in the loop what follows from repeated values and is needed there, and all that follows from it."""
    wide = ir.following_repeats(nodes) & before
    needed = {i for node in nodes if node not in before for i in node.inputs}
    while left := {node for node in before if (node in wide and node in needed) or not _inside(node, before)}:
        before = before - left
        needed |= {i for node in left for i in node.inputs}
    return before


def _inside(node: Node, before: set[Node]) -> bool:
    return all(i in before or i.op in ir.LEAVES for i in node.inputs)


def _held(nodes: list[Node], fed: set[Node]) -> set[Node]:
    """What looks into a memory of its row, or into the state, with all it needs: in the loop that lies at hand."""
    wide = ir.following_repeats(nodes)
    near: set[Node] = set()
    for node in nodes:
        if node in wide and any(i in near or _lies_in_the_loop(i, node, fed) for i in node.inputs):
            near.add(node)
    return set(ir.sorted_nodes([node for node in nodes if node in near or any(i in near for i in node.inputs)]))


def _lies_in_the_loop(value: Node, user: Node, fed: set[Node]) -> bool:
    """Whether a wide value is at hand step by step and nowhere else."""
    if value.size != user.size or value.op == "repeat":
        return False
    return value in fed if value.op != "leaf" else value.attribute.kind in _STEP_BY_STEP


def _wide(value: Node, widest_fused: int) -> bool:
    return value.size > widest_fused
