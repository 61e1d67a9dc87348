"""What is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from everystep.draw.dependence import Dependence
from everystep.draw.graph import Graph


@dataclass(frozen=True)
class Subject:
    """What is drawn.

    Attributes:
        who: Name of the cell.
        step: What one step connects.
        graph: The unrolled graph.
        steps: T.
        parameters: Shape of each named parameter.
        learned: How many numbers the cell learns; None for a plain function.
    """

    who: str
    step: Dependence
    graph: Graph
    steps: int
    parameters: Mapping[str, tuple[int, ...]]
    learned: int | None

    @property
    def last(self) -> str:
        """Name the last output."""
        return self.step.rows[-1].at(self.steps)

    @property
    def has_gradient(self) -> bool:
        """Say whether a gradient of the last output with respect to an input is known."""
        return any(node.kind == "input" and node.gradient is not None for node in self.graph.nodes)
