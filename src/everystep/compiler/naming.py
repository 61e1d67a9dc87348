"""What values are called where a person reads them: by the user's names wherever they are the same value.

Two values are the same if they are computed in the same way from the same leaves, however they got into a graph.
So a name that is given once holds in the trace, in every plan, and in the backward step for what is kept or redone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from everystep.compiler import ir
from everystep.compiler.backward import seeds_of
from everystep.compiler.gradient import differentiate
from everystep.compiler.ir import Graph, Leaf, Node
from everystep.compiler.plan import Plan
from everystep.compiler.simplify import rewritten, simplify


class Keys:
    """A number for every value, the same for the same value.

    Args:
        same: Leaves that stand for values of another graph, and the number of that value.
        known: Numbers given before, shared with other graphs.
    """

    def __init__(self, same: Mapping[Leaf, int] | None = None, known: dict[object, int] | None = None) -> None:
        self.same = dict(same or {})
        self.known = {} if known is None else known
        self._found: dict[Node, int] = {}
        self._sums: dict[Node, tuple[object, ...]] = {}

    def of(self, node: Node) -> int:
        """The number of a value."""
        if node not in self._found:
            for one in ir.sorted_nodes([node]):
                if one not in self._found:
                    self._found[one] = self._number(one)
        return self._found[node]

    def _number(self, node: Node) -> int:
        if node.op == "leaf" and node.attribute in self.same:
            return self.same[node.attribute]
        if enters(node):
            return self._found[node.inputs[2]]
        if node.op == "affine":
            description = self._sums[node] = self._sum(node)
        else:
            description = (node.op, node.size, node.attribute, *(self._found[i] for i in node.inputs))
        return self.known.setdefault(description, len(self.known))

    def _sum(self, node: Node) -> tuple[object, ...]:
        """A sum that begins with another sum is one sum: the first part of it may be taken out of the loop."""
        start = ir.start_of(node)
        added = tuple((self._found[value], weight) for value, weight in ir.products(node))
        if start is not None and start in self._sums:
            return (*self._sums[start], *added)
        return ("affine", node.size, None if start is None else self._found[start], *added)


def enters(node: Node) -> bool:
    """Whether a value is a part of the state after a reset or forced values, which goes by the name of the part."""
    flag = node.inputs[0] if node.op == "where" else None
    return flag is not None and flag.op == "leaf" and flag.attribute.kind == "flag"


@dataclass
class Names:
    """Names for the values of one plan.

    Attributes:
        keys: Numbers its values.
        given: Names by number, which always stand on a line of their own.
        spare: Names for values that have none and need a line of their own.
        shapes: Of parameters, by name.
        backward: Whether the plan is that of a backward step, whose state is a gradient.
    """

    keys: Keys = field(default_factory=Keys)
    given: dict[int, str] = field(default_factory=dict)
    spare: dict[int, str] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    backward: bool = False

    def of(self, node: Node) -> str | None:
        """The name that a value was given."""
        number = self.keys.of(node)
        if node.op == "leaf":
            return self.given.get(number) or self.spare.get(number) or called(node.attribute, backward=self.backward)
        return self.given.get(number)

    def at_need(self, node: Node) -> str | None:
        """A name for a value that has none."""
        return self.spare.get(self.keys.of(node))


def part_name(part: str) -> str:
    """What a part of the state is called; the parts of a plain tuple are numbers."""
    return f"s{part}" if part.isdigit() else part


def called(leaf: Leaf, *, backward: bool) -> str:
    """What a leaf is called: as the user's step does where it can be."""
    kind, name = leaf.kind, leaf.name.replace(" ", "_").replace(":", "_")
    if kind != "kept":
        name = part_name(name)
    if backward and kind == "state":
        return f"{gradient_name(name)}_later"
    name = name.removeprefix("record_")
    forms = {"gradient": gradient_name(name), "value": f"given_{name}", "kept": f"kept_{name}", "after": f"{name}'"}
    return forms.get(kind, name)


def _told(leaf: Leaf) -> str:
    return leaf.name.removeprefix("record:")


def forward_names(traced: Graph, shapes: Mapping[str, tuple[int, ...]], extra: Mapping[str, Node]) -> Names:
    """Name what a step computes: parts of the state with a prime, then taps, y, then the user's own variables.

    Args:
        traced: The graph of the trace.
        shapes: Of parameters, by name.
        extra: Further values of the trace by name.
    """
    names = Names(shapes=shapes)
    outputs = {_output_name(name): node for name, node in traced.outputs.items()}
    everything = {**outputs, **{name: node for name, node in extra.items() if name not in outputs}}
    simplified = simplify(Graph({f"tap:{name}": node for name, node in everything.items()})).outputs
    taken = {called(node.attribute, backward=False) for node in traced.nodes() if node.op == "leaf"}
    for name, node in everything.items():
        if name in taken or node.op in ir.LEAVES:
            continue
        names.given.setdefault(names.keys.of(node), name)
        for piece, its_name in _pieces(name, simplified[f"tap:{name}"]):
            if piece.op not in ir.LEAVES:
                names.given.setdefault(names.keys.of(piece), its_name)
    return names


def _output_name(name: str) -> str:
    kind, _, rest = name.partition(":")
    if kind == "state":
        return f"{part_name(rest)}'"
    return rest or kind


def _pieces(name: str, node: Node) -> Iterable[tuple[Node, str]]:
    """The pieces that a value was cut into."""
    if node.op != "cat":
        return [(node, name)]
    low, found = 0, []
    for piece in node.inputs:
        found.append((piece, f"{name}[{low}:{low + piece.size}]"))
        low += piece.size
    return found


def with_spare_names(names: Names, graph: Graph) -> None:
    """Call what enters a named function ``pre_NAME``, and what of a sum was taken out of the loop ``NAME_from_x``."""
    number = names.keys.of
    for node in graph.nodes():
        name = names.given.get(number(node))
        if name and node.op in ir.ELEMENTWISE and len(node.inputs) == 1 and node.inputs[0].op not in ir.LEAVES:
            names.spare.setdefault(number(node.inputs[0]), f"pre_{name}")
    for node in graph.nodes():
        start = ir.start_of(node) if node.op == "affine" else None
        name = names.given.get(number(node)) or names.spare.get(number(node))
        if start is not None and start.op == "affine" and name:
            names.spare.setdefault(number(start), f"{name.removeprefix('pre_')}_from_x")


def backward_names(names: Names, graph: Graph, forward: Plan, backward: Plan, wanted_roots: Iterable[str]) -> Names:
    """Name what a backward step computes: what it redoes as the forward step does, gradients with a d before the name.

    Args:
        names: Of the forward step; values that are kept and have no name get one.
        graph: The forward step.
        forward: The plan that keeps what the backward step needs.
        backward: The plan of the backward step.
        wanted_roots: Parameters whose gradients are asked for.
    """
    with_spare_names(names, graph)
    kept = {name.removeprefix("kept:"): node for name, node in forward.graph.outputs.items() if name[:5] == "kept:"}
    for n, node in kept.items():
        names.spare.setdefault(names.keys.of(node), f"k{n}")
    found = Names(_backward_keys(names, graph, kept), dict(names.given), dict(names.spare), names.shapes, backward=True)
    parts = {name.removeprefix("state:") for name in graph.outputs if name.startswith("state:")}
    for node in backward.graph.nodes():
        if node.op == "leaf" and node.attribute.kind == "gradient" and _told(node.attribute) in parts:
            found.given[found.keys.of(node)] = f"{called(node.attribute, backward=True)}_out"
    for name, node in backward.graph.outputs.items():
        if not name.startswith("deferred:") and node.op not in ir.LEAVES:
            found.given.setdefault(found.keys.of(node), gradient_name(part_name(name.rpartition(":")[2])))
    for gradient, name, sure in _gradients(names, graph, list(wanted_roots)):
        (found.given if sure else found.spare).setdefault(found.keys.of(gradient), name)
    return found


def _backward_keys(names: Names, graph: Graph, kept: Mapping[str, Node]) -> Keys:
    """Number the values of a backward step as those of the forward step, where they are the same."""
    number = names.keys.of
    same = {Leaf("kept", name): number(node) for name, node in {**kept, "y": graph.outputs["y"]}.items()}
    for name, node in graph.outputs.items():
        if name.startswith("state:"):
            part = name.removeprefix("state:")
            same[Leaf("after", part)] = number(node)
            same[Leaf("state", part)] = names.keys.known.setdefault(("later", part), len(names.keys.known))
    for leaf in _state_leaves(graph):
        same[Leaf("before", leaf.attribute.name)] = number(leaf)
        names.given.setdefault(number(leaf), called(leaf.attribute, backward=False))
    return Keys(same, names.keys.known)


def _state_leaves(graph: Graph) -> list[Node]:
    return [node for node in graph.nodes() if node.op == "leaf" and node.attribute.kind == "state"]


def _gradients(names: Names, graph: Graph, wanted_roots: list[str]) -> Iterable[tuple[Node, str, bool]]:
    """The gradients of the values of a step that have a name; whether it is more than a name in need."""
    called_so: dict[Node, tuple[str, bool]] = {}
    for node in graph.nodes():
        name, spare = names.of(node), names.at_need(node)
        if not node.truth and (name or spare):
            called_so[node] = (gradient_name(name or spare or ""), name is not None)
    gradients = differentiate(seeds_of(graph), called_so, wanted_roots).of
    entering = set(_state_leaves(graph))

    def before(node: Node) -> Node:
        return ir.leaf("before", node.attribute.name, node.size) if node in entering else node

    whole = rewritten(Graph({str(n): gradient for n, gradient in enumerate(gradients.values())}), before)
    for node, gradient in zip(gradients, simplify(whole).outputs.values(), strict=True):
        name, sure = called_so[node]
        for piece, its_name in _pieces(name, gradient):
            if piece.op not in ir.LEAVES:
                yield piece, its_name, sure


def gradient_name(name: str) -> str:
    """What the gradient of a value is called: ``dc``, ``d_forget``."""
    return f"d{name}" if len(name.rstrip("'")) == 1 else f"d_{name}"
