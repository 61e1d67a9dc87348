"""The backward step as a graph of its own: what it needs of the forward step is kept there, or computed again here."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from everystep.compiler import ir
from everystep.compiler.deferred import Deferred
from everystep.compiler.gradient import Gradients, Reduction, differentiate
from everystep.compiler.ir import Graph, Leaf, Node
from everystep.compiler.simplify import simplify


class Backward(NamedTuple):
    """One step of the pass backward in time."""

    graph: Graph  # outputs: state:PART (to the step before), row:NAME (summed over time), gradient:x:STREAM ...
    deferred: list[Deferred]
    kept: dict[str, Node]  # values of the forward step that are to be stored for it
    sequences: set[str]  # parts of the state that are to be stored for every step


def backward_step(forward: Graph, wanted: Collection[Leaf], wanted_roots: Collection[str]) -> Backward:
    """Differentiate a step and decide what is kept for it.

    Args:
        forward: A simplified graph.
        wanted: Leaves whose gradients are asked for. Parts of the state always get theirs: it is what is carried.
        wanted_roots: Parameters whose gradients are asked for.

    Returns:
        The backward step.
    """
    leaves = {node.attribute: node for node in forward.nodes() if node.op == "leaf"}
    parts = [name.removeprefix("state:") for name in forward.outputs if name.startswith("state:")]
    asked = [node for leaf, node in leaves.items() if leaf in wanted or leaf.kind == "state"]
    gradients = differentiate(seeds_of(forward), asked, wanted_roots)
    outputs = {_name(leaf): _gradient_of(node, gradients) for leaf, node in leaves.items() if node in asked}
    for part in parts:  # a part that no step reads passes no gradient on
        size = forward.outputs[f"state:{part}"].size
        outputs.setdefault(f"state:{part}", ir.spread(ir.constant(0.0), size))
    for n, reduction in enumerate(gradients.reductions):
        outputs[f"deferred:{n}:gradient"] = reduction.gradient
        for name, factor in {"value": reduction.value, "row": reduction.row}.items():
            if factor is not None:
                outputs[f"deferred:{n}:{name}"] = factor
    keeper = _Keeper(forward)
    graph = simplify(keeper.freed(Graph(outputs)))
    graph, deferred = _deferred(graph, gradients.reductions)
    return Backward(graph, deferred, keeper.kept, keeper.sequences)


def seeds_of(forward: Graph) -> dict[Node, Node]:
    """The gradient of every output, as a backward step is given it: from later steps, and from outside."""
    seeds: dict[Node, Node] = {}
    for name, node in forward.outputs.items():
        if node.truth:
            continue
        kind, _, rest = name.partition(":")
        seed = ir.leaf("state", rest, node.size) if kind == "state" else ir.leaf("gradient", name, node.size)
        seeds[node] = ir.make("add", seeds[node], seed) if node in seeds else seed
    return seeds


def _name(leaf: Leaf) -> str:
    return f"{leaf.kind}:{leaf.name}" if leaf.kind in {"state", "row"} else f"gradient:{leaf.kind}:{leaf.name}"


def _gradient_of(node: Node, gradients: Gradients) -> Node:
    return gradients.of.get(node, ir.spread(ir.constant(0.0), node.size))


class _Keeper:
    """Replaces values of the forward step by what is kept of it, and has the rest computed again."""

    def __init__(self, forward: Graph) -> None:
        self.forward = forward.nodes()
        self.after = {
            node: name.removeprefix("state:") for name, node in forward.outputs.items() if name[:6] == "state:"
        }
        self.y = forward.outputs["y"]
        self.kept: dict[str, Node] = {}
        self.sequences: set[str] = set()
        self._at_hand: set[Node] = set()
        self._new: dict[Node, Node] = {}

    def freed(self, graph: Graph) -> Graph:
        """The graph, without the forward step."""
        nodes = graph.nodes()
        forward = set(self.forward)
        needed = {i for node in nodes if node not in forward for i in node.inputs if i in forward}
        needed |= {node for node in graph.outputs.values() if node in forward}
        early = self._without_repeats(needed)
        for node in self.forward:  # inputs first: what is kept early frees what follows
            if node in early or self._follows(node):
                self._at_hand.add(node)
        read = self._read_for(needed)
        for node in self.forward:
            if node in read:
                self._new[node] = self._recomputed(node) if self._follows(node) else self._keep(node)
        for node in nodes:
            if node not in forward:
                self._new[node] = ir.with_inputs(node, tuple(self._new[i] for i in node.inputs))
        return Graph({name: self._new[node] for name, node in graph.outputs.items()})

    def _follows(self, node: Node) -> bool:
        """Whether a value follows from what is at hand by elementwise operations and lookups alone."""
        if self._is_given(node):
            return True
        if node.op in ir.ELEMENTWISE or node.op in {"slice", "spread", "repeat", "lookup"}:
            return node.truth or all(i in self._at_hand for i in node.inputs)
        return False

    def _is_given(self, node: Node) -> bool:
        return node.op in ir.LEAVES or node in self.after

    def _without_repeats(self, needed: set[Node]) -> set[Node]:
        """What is needed; for what follows from repeated values, which are wide, what was repeated in its place."""
        wide = ir.following_repeats(self.forward)
        found: set[Node] = set()
        seen: set[Node] = set()
        stack = list(needed)
        while stack:
            node = stack.pop()
            if node not in wide or self._is_given(node):
                found.add(node)
            elif node not in seen:
                seen.add(node)
                stack += node.inputs
        return found

    def _read_for(self, needed: set[Node]) -> set[Node]:
        """What is needed, and all that it is computed from."""
        read: set[Node] = set()
        stack = list(needed)
        while stack:
            node = stack.pop()
            if node not in read:
                read.add(node)
                if self._follows(node) and not self._is_given(node):
                    stack += node.inputs
        return read

    def _recomputed(self, node: Node) -> Node:
        if node.op == "leaf":
            return self._given(node)
        if node in self.after:
            return self._state(node, "after", self.after[node])
        return ir.with_inputs(node, tuple(self._new[i] for i in node.inputs))

    def _given(self, node: Node) -> Node:
        if node.attribute.kind == "state":
            return self._state(node, "before", node.attribute.name)
        return node

    def _state(self, node: Node, kind: str, part: str) -> Node:
        self.sequences.add(part)
        return ir.leaf(kind, part, node.size)

    def _keep(self, node: Node) -> Node:
        name = "y" if node is self.y else str(len(self.kept))
        if name != "y":
            self.kept[name] = node
        return ir.leaf("kept", name, node.size)


def _deferred(graph: Graph, reductions: list[Reduction]) -> tuple[Graph, list[Deferred]]:
    """Take deferred products apart where their values or gradients fell into pieces."""
    outputs = {name: node for name, node in graph.outputs.items() if not name.startswith("deferred:")}
    deferred = []
    for n, reduction in enumerate(reductions):
        column = 0
        for g in _pieces(graph.outputs[f"deferred:{n}:gradient"]):
            gradient = _add(outputs, g)
            part = reduction.view.part(len(reduction.view.shape) - 1, column, g.size)
            if reduction.row is not None:
                row = _add(outputs, graph.outputs[f"deferred:{n}:row"])
                deferred.append(Deferred(part, gradient, row=row))
            elif reduction.value is None:
                deferred.append(Deferred(part, gradient))
            else:
                low = 0
                for v in _pieces(graph.outputs[f"deferred:{n}:value"]):
                    deferred.append(Deferred(part.part(0, low, v.size), gradient, _add(outputs, v)))
                    low += v.size
            column += g.size
    return Graph(outputs), deferred


def _add(outputs: dict[str, Node], node: Node) -> str:
    name = next((name for name, other in outputs.items() if other is node and name.startswith("deferred:")), None)
    name = name or f"deferred:{len(outputs)}"
    outputs[name] = node
    return name


def _pieces(node: Node) -> tuple[Node, ...]:
    return node.inputs if node.op == "cat" else (node,)
