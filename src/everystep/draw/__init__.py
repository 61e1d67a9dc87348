"""Pictures of cells and of their unrolled graphs."""

from everystep.draw.drawing import Drawing, draw
from everystep.draw.graph import Edge, Graph, Node

__all__ = ["Drawing", "Edge", "Graph", "Node", "draw"]
