"""Make a graph smaller and say the same: one node per value, sums of products gathered, nothing that does nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import reduce

from everystep.compiler import ir
from everystep.compiler.ir import Graph, Node, View
from everystep.compiler.split import split


def simplify(graph: Graph) -> Graph:
    """Run every simplifying pass."""
    for one_pass in PASSES:
        graph = one_pass(graph)
    return graph


def rewritten(graph: Graph, rule: Callable[[Node], Node]) -> Graph:
    """Give the graph with every node replaced by what a rule makes of it, inputs first."""
    new: dict[Node, Node] = {}
    for node in graph.nodes():
        inputs = tuple(new[i] for i in node.inputs)
        new[node] = rule(node if inputs == node.inputs else ir.with_inputs(node, inputs))
    return Graph({name: new[node] for name, node in graph.outputs.items()})


def full(graph: Graph) -> Graph:
    """Leave out values of no features; an output that is one stays as nothing spread over none."""
    return rewritten(graph, _full)


def share(graph: Graph) -> Graph:
    """Compute every value once."""
    seen: dict[object, Node] = {}

    def first(node: Node) -> Node:
        return seen.setdefault((node.op, node.inputs, node.size, node.truth, node.attribute), node)

    return rewritten(graph, first)


def fold(graph: Graph) -> Graph:
    """Leave out what changes nothing: a sum with 0, a product with 1, a spread that an operation does by itself."""
    return rewritten(graph, _folded)


def gather(graph: Graph) -> Graph:
    """Turn a sum in which products stand into one affine: what is added first, then product after product.

    Products of x come first, so that they can be taken out of the loop without another order of the sum.
    """
    uses = Counter(i for node in graph.nodes() for i in node.inputs)
    uses.update(graph.outputs.values())
    carried = depends_on(graph.nodes(), "state", "row")
    new: dict[Node, Node] = {}
    for node in graph.nodes():
        terms = _terms(node, uses)
        if len(terms) > 1 and any(term.op == "affine" and term.size == node.size for term in terms):
            new[node] = _gathered(node, terms, new, carried)
        else:
            node_in_order = _x_first(node, carried) if node.op == "affine" else node
            new[node] = ir.with_inputs(node_in_order, tuple(new[i] for i in node_in_order.inputs))
    return Graph({name: new[node] for name, node in graph.outputs.items()})


def depends_on(nodes: list[Node], *kinds: str) -> set[Node]:
    """Find the nodes that depend on a leaf of one of these kinds."""
    found: set[Node] = set()
    for node in nodes:
        own = node.op == "leaf" and node.attribute.kind in kinds
        if own or any(i in found for i in node.inputs):
            found.add(node)
    return found


PASSES = (full, share, fold, split, fold, share, gather, share)


def _full(node: Node) -> Node:
    if node.size == 0:
        return ir.spread(ir.constant(0.0, truth=node.truth), 0)
    if node.op == "cat":
        return ir.cat((i for i in node.inputs if i.size), node.where)
    if node.op == "sum" and node.inputs[0].size == 0:
        return ir.constant(0.0)
    if node.op != "affine" or all(i.size for i in node.inputs):
        return node
    products = [(value, weight) for value, weight in ir.products(node) if value.size]
    if products:
        return _affine(products, ir.start_of(node), node.where)
    return ir.start_of(node) or ir.spread(ir.constant(0.0), node.size)


def _folded(node: Node) -> Node:
    if node.op in ir.ELEMENTWISE:
        node = _without_spreads(node)
    if node.op in {"add", "sub", "mul", "div"}:
        return _neutral(node)
    if node.op in ir.REDUCED and node.inputs[0].size == 1:
        return ir.constant(0.0) if node.op == "argmax" else node.inputs[0]
    if node.op == "repeat" and node.inputs[0].op == "spread":
        return ir.spread(node.inputs[0].inputs[0], node.size, node.where)
    if node.op == "neg" and node.inputs[0].op == "neg":
        return node.inputs[0].inputs[0]
    if node.op == "where" and node.inputs[1] is node.inputs[2] and node.inputs[1].size == node.size:
        return node.inputs[1]
    return node


def _without_spreads(node: Node) -> Node:
    """Let inputs of one feature spread by themselves where another input has all the features."""
    bare = tuple(i.inputs[0] if i.op == "spread" else i for i in node.inputs)
    if bare == node.inputs or max(i.size for i in bare) != node.size:
        return node
    return ir.with_inputs(node, bare)


def _neutral(node: Node) -> Node:
    first, second = node.inputs
    neutral = 0.0 if node.op in {"add", "sub"} else 1.0
    if _is(second, neutral) and first.size == node.size:
        return first
    if node.op in {"add", "mul"} and _is(first, neutral) and second.size == node.size:
        return second
    return node


def _is(node: Node, number: float) -> bool:
    return node.op == "constant" and node.attribute == number


def _terms(node: Node, uses: Counter[Node]) -> list[Node]:
    """Take a sum apart into what is added, through sums and affines that nobody else uses."""
    if node.op == "add":
        return [term for i in node.inputs for term in (_terms(i, uses) if _owned(i, node, uses) else [i])]
    return [node]


def _owned(part: Node, whole: Node, uses: Counter[Node]) -> bool:
    return part.op in {"add", "affine"} and uses[part] == 1 and part.size == whole.size


def _x_first(node: Node, carried: set[Node]) -> Node:
    products = sorted(ir.products(node), key=lambda product: product[0] in carried)
    return _affine(products, ir.start_of(node), node.where)


def _affine(products: Iterable[tuple[Node, View]], start: Node | None, where: str) -> Node:
    values, weights = zip(*products, strict=True)
    return ir.affine(values, weights, start, where)


def _gathered(node: Node, terms: list[Node], new: dict[Node, Node], carried: set[Node]) -> Node:
    affines = [term for term in terms if term.op == "affine" and term.size == node.size]
    others = [new[term] for term in terms if term not in affines]
    others += [new[start] for start in map(ir.start_of, affines) if start is not None]
    products = [product for term in affines for product in ir.products(term)]
    products.sort(key=lambda product: product[0] in carried)  # stable: x first, then as written
    first = _total([term for term in others if not _has_product(term)], node.where)
    last = [term for term in others if _has_product(term)]  # not known before products are
    gathered = _affine(((new[value], weight) for value, weight in products), first, node.where)
    return _total([gathered, *last], node.where) or gathered


def _total(terms: list[Node], where: str) -> Node | None:
    return reduce(lambda total, term: ir.make("add", total, term, where=where), terms) if terms else None


def _has_product(node: Node) -> bool:
    return any(one.op == "affine" for one in ir.sorted_nodes([node]))
