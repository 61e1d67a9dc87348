"""The unrolled graph as data: what a step connects, T times over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from everystep.draw.dependence import Dependence

Values = Mapping[str, tuple[float, ...]]  # part -> its numbers


@dataclass(frozen=True)
class Node:
    """One value of the unrolled graph.

    Attributes:
        name: What it is called, for instance ``s(3)``; unique in its graph.
        kind: ``"input"``, ``"hidden"``, ``"state"`` or ``"output"``.
        t: The step, 1..T; the state also stands at 0.
        row: Which of the step's rows it belongs to, counted from the input upwards.
        value: Its numbers by part, where the cell was run.
        gradient: How strongly the last output depends on it: the derivative where both are single numbers, the
            Frobenius norm of the Jacobian elsewhere; None where it was not computed.
    """

    name: str
    kind: str
    t: int
    row: int
    value: Values | None = None
    gradient: float | None = None


@dataclass(frozen=True)
class Edge:
    """One use of one value by another.

    Attributes:
        source: Name of the node it comes from.
        target: Name of the node it goes to.
        parameters: Names of the parameters that multiply along it, in the order of use; may be empty.
    """

    source: str
    target: str
    parameters: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Give the parameters as one word: ``W``; empty where there is none."""
        return ", ".join(self.parameters)


@dataclass(frozen=True)
class Graph:
    """An unrolled graph: nodes in the order of time, each step from its input upwards, and the edges between them."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True)
class Run:
    """What a run of the cell adds to the nodes, by (row, t); empty where it was not run."""

    values: Mapping[tuple[int, int], Values] = field(default_factory=dict)
    gradients: Mapping[tuple[int, int], float] = field(default_factory=dict)


def unrolled(step: Dependence, steps: int, run: Run) -> Graph:
    """Repeat one step's dependence T times.

    Args:
        step: What one step connects.
        steps: T, 0 or more.
        run: Values and gradients to put on the nodes.

    Returns:
        The graph: the state at 0, and every row at 1..T.
    """
    places = [(step.state, 0)] + [(row, t) for t in range(1, steps + 1) for row in range(len(step.rows))]
    nodes = tuple(_node(step, run, row, t) for row, t in places)
    edges = tuple(
        Edge(step.rows[link.source].at(t - link.delayed), step.rows[link.target].at(t), link.parameters)
        for t in range(1, steps + 1)
        for link in step.links
    )
    return Graph(nodes, edges)


def _node(step: Dependence, run: Run, row: int, t: int) -> Node:
    place = (row, t)
    return Node(step.rows[row].at(t), step.rows[row].kind, t, row, run.values.get(place), run.gradients.get(place))
