"""From a graph to a plan: regions, then the sweeps of each, then what the weight gradients read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from everystep.compiler.deferred import Deferred, apart, chains, join
from everystep.compiler.ir import Graph, Leaf, Node
from everystep.compiler.plan import Place, Plan, Reduction, Spot, Store, Sweep
from everystep.compiler.plan_checker import FLAT, check_plan
from everystep.compiler.regions import Regions, divide
from everystep.compiler.sweeps import Sweeps, pieces

WIDEST_FUSED = 32  # features of x up to which its products are taken step by step; one row alone gains from few


def plan(
    graph: Graph,
    *,
    sequences: Iterable[str] | None = (),
    deferred: Iterable[Deferred] = (),
    widest_fused: int = WIDEST_FUSED,
) -> Plan:
    """Plan one pass over time.

    Args:
        graph: A simplified graph. Outputs: ``state:NAME`` is carried to the next step; ``row:NAME`` is summed over
            time; ``deferred:...`` is needed by a deferred product alone; every other output is stored for every step.
        sequences: Parts of the state to be stored for every step; those that are an output anyway always are.
            None: no part ever is, as backward in time sequences begin at unlike steps.
        deferred: Gradients of parameters.
        widest_fused: Products of x with at most so many features stay in the loop.

    Returns:
        The plan.
    """
    made = _Planner(divide(graph, widest_fused), sequences, list(deferred)).plan()
    check_plan(made)
    return made


class _Planner:
    def __init__(self, regions: Regions, sequences: Iterable[str] | None, deferred: list[Deferred]) -> None:
        self.graph, self.before, self.after = regions
        self.deferred = deferred
        self.sequences = {} if sequences is None else self._sequences(set(sequences))
        self.memory: dict[Node, Spot] = {}
        for node in self.graph.nodes():
            if node.op == "leaf":
                self.memory[node] = Spot(_place_of(node))
        self.users: dict[Node, list[Node]] = {}
        for node in self.graph.nodes():
            for value in node.inputs:
                self.users.setdefault(value, []).append(node)
        self.scratches = 0
        self.spots = self._deferred_spots()

    def plan(self) -> Plan:
        goals = self._goals()
        before = self._region("before", goals["before"])
        loop = self._region("loop", goals["loop"])
        after = self._region("after", goals["after"])
        reductions = apart(join(self._reduction(one) for one in self.deferred))
        return Plan(self.graph, before, loop, after, tuple(reductions), self.sequences)

    def _deferred_spots(self) -> dict[str, Spot]:
        """Lay gradients of neighbouring weights side by side, so that they are one gradient."""
        outputs = self.graph.outputs
        spots = {}
        for chain in chains(self.deferred):
            self.scratches += 1
            place = Place("chunk", f"{self.scratches}", sum(outputs[name].size for name in chain))
            offset = 0
            for name in chain:
                spots[name] = Spot(place, offset)
                offset += outputs[name].size
        return spots

    def _sequences(self, wanted: set[str]) -> dict[str, str]:
        """Name the output that holds each part of the state which is stored for all time."""
        found = {}
        outputs = self.graph.outputs
        read_later = _inputs(self.after)
        for name, node in outputs.items():
            if name.startswith("state:"):
                same = [other for other, value in outputs.items() if value is node and _stored_for_all_time(other)]
                if same:
                    found[name.removeprefix("state:")] = same[0]
                elif name.removeprefix("state:") in wanted or node in read_later:
                    found[name.removeprefix("state:")] = name
        return found

    def _goals(self) -> dict[str, list[Store]]:
        goals: dict[str, list[Store]] = {"before": [], "loop": [], "after": []}
        for name, node in self.graph.outputs.items():
            spot = self._spot(name, node) if node.size else None
            if spot is not None:
                goals[self._region_of(node) if spot.place.space in FLAT else "loop"].append(Store(node, spot))
        stores = [store for stores in goals.values() for store in stores]
        stored = {node for node, spot in stores if spot.place.space in FLAT}
        for node in self.graph.nodes():
            if not (node in stored or node.truth) and self._crosses(node):
                goals[self._region_of(node)].append(Store(node, Spot(self._scratch("chunk", node))))
        return goals

    def _crosses(self, node: Node) -> bool:
        """Whether another region needs a value, and would not find it."""
        if node.op in {"vector", "constant"} or self._readable(node):
            return False
        region = self._region_of(node)
        readers = {self._region_of(user) for user in self.users.get(node, ())} - {region}
        readers |= {"loop"} - {region} if self._is_carried(node) else set()
        return "after" in readers if region == "loop" else bool(readers)

    def _is_carried(self, node: Node) -> bool:
        """Whether a value is left for a row of the batch, which steps do one after another."""
        return any(node is other and name.startswith(("state:", "row:")) for name, other in self.graph.outputs.items())

    def _spot(self, name: str, node: Node) -> Spot | None:
        kind, _, rest = name.partition(":")
        if kind == "state":
            holder = self.sequences.get(rest)
            if holder is not None and holder != name:
                return None  # stored as that output
            return Spot(Place("time" if holder else "leaving", name if holder else rest, node.size))
        if kind == "row":
            return Spot(Place("total", rest, node.size))
        if kind == "deferred":
            return None if self._readable(node) else self.spots.get(name) or Spot(self._scratch("chunk", node))
        return Spot(Place("time", name, node.size))

    def _readable(self, node: Node) -> bool:
        """Whether a value is found in memory at any row of a chunk: something given for all time."""
        source = node.inputs[0] if node.op == "slice" else node
        return source.op == "leaf" and self.memory[source].place.space == "time"

    def _found(self, node: Node) -> Spot:
        if node.op == "slice" and node not in self.memory:
            place, offset = self.memory[node.inputs[0]]
            return Spot(place, offset + node.attribute)
        return self.memory[node]

    def _region_of(self, node: Node) -> str:
        return "before" if node in self.before else "after" if node in self.after else "loop"

    def _region(self, name: str, goals: list[Store]) -> tuple[Sweep, ...]:
        space = "step" if name == "loop" else "chunk"
        sweeps = Sweeps(self.memory, lambda node: self._scratch(space, node))
        sweeps.goals(goals)
        if name == "loop":  # after it, only what is there for every step of the chunk can be read
            copies = dict(piece for goal in goals for piece in pieces(goal))
            everywhere = {**self.memory, **{node: spot for node, spot in copies.items() if spot.place.space in FLAT}}
            self.memory = {node: spot for node, spot in everywhere.items() if spot.place.space in FLAT}
        return sweeps.finished()

    def _scratch(self, space: str, node: Node) -> Place:
        self.scratches += 1
        return Place(space, f"{self.scratches}", node.size)

    def _reduction(self, one: Deferred) -> Reduction:
        gradient, value, row = (None if name is None else self._found(self.graph.outputs[name]) for name in one[1:])
        assert gradient is not None
        return Reduction(one.view, gradient, value, row)


def _inputs(nodes: set[Node]) -> set[Node]:
    """What a region reads that it does not compute."""
    return {i for node in nodes for i in node.inputs if i not in nodes}


def _stored_for_all_time(output: str) -> bool:
    return not output.startswith(("state:", "row:", "deferred:"))


SPACES: Mapping[str, str] = {
    "state": "entering", "x": "time", "flag": "time", "value": "time", "gradient": "time", "kept": "time",
    "before": "previous", "after": "time", "row": "row",
}  # fmt: skip


def _place_of(node: Node) -> Place:
    leaf: Leaf = node.attribute
    plain = leaf.kind in {"state", "row"}
    name = (
        leaf.name if plain else f"state:{leaf.name}" if leaf.kind in {"before", "after"} else f"{leaf.kind}:{leaf.name}"
    )
    return Place(SPACES[leaf.kind], name, node.size, node.truth)
