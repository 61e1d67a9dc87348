"""A plan as pseudo-code: what is computed in which sweep of which region, and where it goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from everystep.compiler import ir
from everystep.compiler.formulas import Formulas, look
from everystep.compiler.ir import Graph, Leaf, Node
from everystep.compiler.naming import Names, enters, gradient_name, part_name, with_spare_names
from everystep.compiler.plan import Place, Plan, Reduction, Spot, Store, Sweep
from everystep.compiler.planner import SPACES
from everystep.compiler.simplify import share

_WHERE_AT = 68  # column of the user's file and line
_LEFT = {"step": "leave for this step", "chunk": "leave for all steps"}


def plan_text(plan: Plan, names: Names | None = None) -> str:
    """Write a plan down, region by region, sweep by sweep.

    Args:
        plan: The plan, forward or backward.
        names: What its values are called; short names where there are none.

    Returns:
        Lines of text.
    """
    return "\n".join(PlanPrinter(plan, names or Names()).lines())


def graph_text(graph: Graph, names: Names) -> str:
    """Write a graph as the formulas of a step, in the order of the user's lines where that is possible."""
    formulas = Formulas(names.shapes)
    graph = share(graph)
    nodes = graph.nodes()
    ends = set(graph.outputs.values())
    lined = _lined(nodes, ends, names)
    _call(nodes, lined, names, formulas)
    lines = [_line(f"{formulas.names[node]} = {formulas.of(node)}", node.where) for node in in_order(lined)]
    for name, node in graph.outputs.items():
        told = name.removeprefix("tap:") if name.startswith("tap:") else name
        if not name.startswith("state:") and formulas.use(node) != told:
            lines.append(f"{told} = {formulas.use(node)}")
    return "\n".join(lines)


def in_order(nodes: Sequence[Node]) -> list[Node]:
    """Sort values by the lines of the file that they come from, if no value then comes before what it needs."""
    places = [node.where.rpartition(":") for node in nodes]
    if len({file for file, _, _ in places}) != 1 or not all(line.isdigit() for _, _, line in places):
        return list(nodes)
    ordered = sorted(nodes, key=lambda node: int(node.where.rpartition(":")[2]))
    at = {node: n for n, node in enumerate(ordered)}
    fine = all(at[needed] <= n for n, node in enumerate(ordered) for needed in ir.sorted_nodes([node]) if needed in at)
    return ordered if fine else list(nodes)


def _lined(nodes: Iterable[Node], ends: set[Node], names: Names) -> list[Node]:
    """The values that get a line of their own: those with a name, those used twice, and those that go somewhere."""
    nodes = list(nodes)
    uses = Counter(i for node in nodes for i in node.inputs)
    worth = {"leaf", "vector", "constant", "slice", "cat", "spread", "repeat", "number"}
    return [
        node
        for node in nodes
        if node.op not in ir.LEAVES and (names.of(node) or ((uses[node] > 1 or node in ends) and node.op not in worth))
    ]


def _call(nodes: Iterable[Node], lined: Iterable[Node], names: Names, formulas: Formulas) -> None:
    """Give every leaf and every value with a line a name that no other has."""
    for node in nodes:
        if node.op == "leaf":
            formulas.names.setdefault(node, names.of(node) or "")
    taken = set(formulas.names.values())
    for node in lined:
        if node not in formulas.names:
            name = names.of(node) or names.at_need(node)
            if name is None or (name in taken and not enters(node)):
                name = next(f"v{n}" for n in range(1, len(taken) + 2) if f"v{n}" not in taken)
            formulas.names[node] = name
            taken.add(name)


class PlanPrinter:
    """Writes a plan.

    Args:
        plan: The plan.
        names: What its values are called.
    """

    def __init__(self, plan: Plan, names: Names) -> None:
        self.plan, self.names = plan, names
        with_spare_names(names, plan.graph)
        self.formulas = Formulas(names.shapes)
        for sweep in plan.sweeps:
            ends = {store.node for store in sweep.stores} | set(_reduced(sweep))
            nodes = [*sweep.loads, *sweep.repeats, *sweep.sums, *_computed(sweep)]
            everything = [i for node in nodes for i in ir.sorted_nodes([node])]
            _call(everything, _lined(_computed(sweep), ends, names), names, self.formulas)
        self.stored = [store for sweep in plan.sweeps for store in sweep.stores]

    def lines(self) -> list[str]:
        """Every line of it."""
        each = "for every step, the last one first:" if self.names.backward else "for every step:"
        regions = [
            ("before the loop, for all rows of some steps at once:", self.plan.before),
            (each, self.plan.loop),
            ("after the loop, for all rows of those steps at once:", self.plan.after),
        ]
        lines: list[str] = []
        for title, sweeps in regions:
            lines += [title] if sweeps else []
            for n, sweep in enumerate(sweeps):
                lines += [f"    {line}" for line in self._sweep(sweep, n + 1, len(sweeps))]
        if self.plan.reductions:
            lines.append("weight gradients, for all rows of those steps at once:")
            lines += [f"    {self.reduction(one)}" for one in self.plan.reductions]
        return lines

    def _sweep(self, sweep: Sweep, number: int, many: int) -> list[str]:
        title = f"sweep {number} of {many}, over {sweep.size} feature{'s' if sweep.size != 1 else ''}:"
        own = [node for node in _computed(sweep) if node in self.formulas.names]
        values = [_line(f"{self.formulas.names[node]} = {self.formulas.of(node)}", node.where) for node in own]
        lines = "\n".join([*values, *self._stores(sweep.stores)])
        return [title, *(f"    {line}" for line in lines.split("\n"))]

    def _stores(self, stores: Iterable[Store]) -> list[str]:
        """What goes where, in one line for each kind of place."""
        groups: dict[str, list[str]] = {}
        for node, spot in stores:
            kind, what = self._store(node, spot)
            groups.setdefault(kind, []).append(what)
        return [f"{kind}: {', '.join(dict.fromkeys(whats))}" for kind, whats in groups.items()]

    def _store(self, node: Node, spot: Spot) -> tuple[str, str]:
        """The verb and the object of what is done with a value."""
        value, (space, name, *_) = self.formulas.use(node), spot.place
        if space in _LEFT:
            return _LEFT[space], value
        if space in {"total", "leaving"}:
            part = part_name(name)
            target = gradient_name(part) if self.names.backward else f"{part}'"
            return "add up" if space == "total" else "carry", _assigned(target, value)
        carried = [part for part, holder in self.plan.sequences.items() if holder == name]
        if name.startswith(("kept:", "state:")):
            return "keep and carry" if carried else "keep", value
        told = self._output(name)
        if node.size != spot.place.size:
            told += f"[{spot.offset}:{spot.offset + node.size}]"
        return ("put out and carry" if carried else "put out"), _assigned(told, value)

    def _output(self, name: str) -> str:
        kind, _, rest = name.partition(":")
        if self.names.backward and kind == "gradient":
            return gradient_name(rest.partition(":")[2])
        return rest if kind == "record" else name

    def reduction(self, one: Reduction) -> str:
        """A weight gradient as the product that it is."""
        place, low = one.gradient
        parts = [s for s in self.stored if s.spot.place == place and low <= s.spot.offset < low + one.view.shape[-1]]
        told = [self.formulas.use(s.node) for s in sorted(parts, key=lambda s: s.spot.offset)] or [
            self._read(one.gradient)
        ]
        gradient = told[0] if len(told) == 1 else f"[{', '.join(told)}]"
        target = f"d{look(one.view, self.names.shapes)}"
        if one.row is not None:
            return f"{target}[{self._read(one.row)}] += {gradient}"
        return (
            f"{target} += sum of {gradient}"
            if one.value is None
            else f"{target} += {self._read(one.value)}.T @ {gradient}"
        )

    def _read(self, spot: Spot) -> str:
        """What lies at a spot."""
        for store in self.stored:
            if store.spot == spot:
                return self.formulas.use(store.node)
        for node in self.plan.graph.nodes():
            if node.op == "leaf" and _is_place(node.attribute, spot.place):
                name = self.names.of(node) or ""
                return name if spot.offset == 0 and node.size == spot.place.size else f"{name}[{spot.offset}:]"
        return spot.place.name


def _assigned(target: str, value: str) -> str:
    return value if value == target else f"{target} = {value}"


def _computed(sweep: Sweep) -> list[Node]:
    """What a sweep computes; the sums over features that it gathers, last."""
    return [*sweep.nodes, *_reduced(sweep)]


def _reduced(sweep: Sweep) -> list[Node]:
    return [one.node for one in (*sweep.gathers, *sweep.folds)]


def _is_place(leaf: Leaf, place: Place) -> bool:
    """Whether a leaf is found at a place that has a row for every row of every step."""
    if leaf.kind in {"after", "before"}:
        return place.name == f"state:{leaf.name}" and place.space == SPACES[leaf.kind]
    return leaf.kind != "state" and place.name == f"{leaf.kind}:{leaf.name}"


def _line(text: str, where: str) -> str:
    """A formula with the user's line behind it; a long one goes on below, with a plus."""
    terms = text.split(" + ")
    lines = [terms[0]]
    for term in terms[1:]:
        if len(lines[-1]) + len(term) + 3 <= _WHERE_AT:
            lines[-1] += f" + {term}"
        else:
            lines.append(f"    + {term}")
    lines[0] = f"{lines[0]:<{_WHERE_AT}}  {where}".rstrip()
    return "\n".join(lines)
