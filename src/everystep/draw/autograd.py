"""What a tensor was computed from, read off the graph that autograd keeps."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor
from torch.autograd.graph import Node, get_gradient_edge

Key = tuple[Node, int]  # one output of one operation

# Which operands an operation multiplies with each other; the others (the addend of addmm) pass through.
_MATRIX_PRODUCTS = {
    "Mm": (0, 1), "Bmm": (0, 1), "Mv": (0, 1), "Dot": (0, 1), "Linear": (0, 1), "MkldnnLinear": (0, 1),
    "Addmm": (1, 2), "Addmv": (1, 2), "Baddbmm": (1, 2), "Addbmm": (1, 2),
    "Convolution": (0, 1), "Trilinear": (0, 1, 2),
}  # fmt: skip
_ELEMENTWISE_PRODUCTS = {"Mul": (0, 1), "Addcmul": (1, 2)}


def key_of(value: Tensor) -> Key | None:
    """Name a tensor by its place in the graph; None where autograd knows nothing of it."""
    if not value.requires_grad:
        return None
    edge = get_gradient_edge(value)
    return edge.node, edge.output_nr


@dataclass
class Way:
    """The parameters met between a target and a value it was computed from, over all paths.

    ``matrices`` and ``factors`` map a name to how far from the target it stands; ``first`` holds the matrices
    that multiply the value itself, before any other does.
    """

    matrices: dict[str, int] = field(default_factory=dict)
    factors: dict[str, int] = field(default_factory=dict)
    first: set[str] = field(default_factory=set)

    def add(self, other: Way) -> None:
        """Take in the paths of another way."""
        self.matrices |= other.matrices
        self.factors |= other.factors
        self.first |= other.first

    def through(self, matrices: set[str], factors: set[str], place: int) -> Way:
        """Give this way, lengthened by one product."""
        return Way(
            self.matrices | dict.fromkeys(sorted(matrices), place),
            self.factors | dict.fromkeys(sorted(factors), place),
            set(matrices) if matrices else set(self.first),
        )


class StepGraph:
    """Autograd's graph of one step.

    Args:
        outputs: Tensors that the step made; all they were computed from is in the graph.
        parameters: The name of each parameter's leaf.
    """

    def __init__(self, outputs: Iterable[Tensor], parameters: Mapping[Node, str]) -> None:
        roots = [key[0] for key in map(key_of, outputs) if key is not None]
        self._nodes = _consumers_first(roots)
        self._parameters = parameters
        self._names: dict[Node, set[str]] = {}  # parameters an operation derives from
        self._has_data: dict[Node, bool] = {}  # whether it derives from anything else
        for node in reversed(self._nodes):
            self._classify(node)

    def ways(self, target: Tensor, stops: Container[Key]) -> dict[Key, Way]:
        """Walk back from a tensor, as far as the stops.

        Args:
            target: A tensor of the graph.
            stops: Values at which the walk ends.

        Returns:
            The way to each stop that was reached.
        """
        key = key_of(target)
        if key is None:
            return {}
        if key in stops:
            return {key: Way()}
        found: dict[Key, Way] = {}
        carried: dict[Node, Way] = {key[0]: Way()}
        for place, node in enumerate(self._nodes):
            if node not in carried:
                continue
            for operand, (producer, number) in enumerate(node.next_functions):
                if producer is None:
                    continue
                way = carried[node].through(*self._multipliers(node, operand), place)
                if (producer, number) in stops:
                    found.setdefault((producer, number), Way()).add(way)
                else:
                    carried.setdefault(producer, Way()).add(way)
        return found

    def _classify(self, node: Node) -> None:
        producers = [producer for producer, _ in node.next_functions if producer is not None]
        own = {self._parameters[node]} if node in self._parameters else set()
        self._names[node] = own.union(*(self._names[producer] for producer in producers))
        is_data = not producers and node not in self._parameters
        self._has_data[node] = is_data or any(self._has_data[producer] for producer in producers)

    def _multipliers(self, node: Node, operand: int) -> tuple[set[str], set[str]]:
        """Name the parameters by which an operation multiplies one of its operands."""
        kind = node.name().split("Backward")[0]
        matrices = self._partners(node, operand, _MATRIX_PRODUCTS.get(kind, ()))
        return matrices, self._partners(node, operand, _ELEMENTWISE_PRODUCTS.get(kind, ()))

    def _partners(self, node: Node, operand: int, multiplied: tuple[int, ...]) -> set[str]:
        if operand not in multiplied:
            return set()
        partners = [node.next_functions[i][0] for i in multiplied if i != operand and i < len(node.next_functions)]
        known = [partner for partner in partners if partner is not None and not self._has_data[partner]]
        return set().union(*(self._names[partner] for partner in known))


def _consumers_first(roots: Iterable[Node]) -> list[Node]:
    """Order a graph so that each operation stands before what it was computed from."""
    finished: list[Node] = []
    seen: set[Node] = set()
    stack = [(root, False) for root in roots]
    while stack:
        node, left = stack.pop()
        if left:
            finished.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((producer, False) for producer, _ in node.next_functions if producer is not None)
    return finished[::-1]
