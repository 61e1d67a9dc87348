"""A graph as text: a line per value, with its size and the line of the user's step that it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from everystep.compiler.ir import FOLDS, Graph, Leaf, Node, products, start_of, times_of

_SIZE_AT = 64  # columns, fixed so that one long line does not move all others


def written(graph: Graph) -> str:
    """Write a graph down, inputs before those that use them.

    Example:
        >>> from everystep.compiler.ir import Graph, leaf, make
        >>> x = leaf("x", "", 3)
        >>> print(written(Graph({"y": make("tanh", x, where="cell.py:7")})))
        in  x                                                            3
        %1 = tanh(x)                                                     3  cell.py:7
        out y = %1
    """
    nodes = graph.nodes()
    names = _names(nodes)
    leaves = [_line(f"in  {names[node]}", node) for node in nodes if node.op == "leaf"]
    values = [_line(f"{names[node]} = {_formula(node, names)}", node) for node in nodes if _has_line(node)]
    outputs = [f"out {name} = {names[node]}" for name, node in graph.outputs.items()]
    return "\n".join([*leaves, *values, *outputs])


def named(leaf: Leaf) -> str:
    """What a leaf is called: its kind, and its name where it has one of its own."""
    return f"{leaf.kind}:{leaf.name}" if leaf.name not in {"", leaf.kind} else leaf.kind


def _has_line(node: Node) -> bool:
    return node.op not in {"leaf", "vector", "constant"}


def _names(nodes: Iterable[Node]) -> dict[Node, str]:
    names: dict[Node, str] = {}
    numbered = 0
    for node in nodes:
        numbered += _has_line(node)
        names[node] = f"%{numbered}" if _has_line(node) else _formula(node, {})
    return names


def _formula(node: Node, names: Mapping[Node, str]) -> str:
    if node.op == "leaf":
        return named(node.attribute)
    if node.op == "constant":
        return str(bool(node.attribute)).lower() if node.truth else repr(node.attribute)
    if node.op == "vector":
        return str(node.attribute)
    return f"{node.op}({_arguments(node, names)})"


def _arguments(node: Node, names: Mapping[Node, str]) -> str:
    if node.op == "affine":
        start = start_of(node)
        terms = [] if start is None else [names[start]]
        return " + ".join([*terms, *(f"{names[value]} @ {weight}" for value, weight in products(node))])
    inputs = ", ".join(names[i] for i in node.inputs)
    if node.op == "lookup":
        return f"{inputs}, {node.attribute}"
    if node.op in {"repeat", *FOLDS}:
        return f"{inputs}, {times_of(node)}x{node.attribute}"
    return f"{inputs}, {node.attribute}:{node.attribute + node.size}" if node.op == "slice" else inputs


def _line(text: str, node: Node) -> str:
    kind = " truth" if node.truth else ""
    return f"{text:<{_SIZE_AT}} {node.size}{kind}  {node.where}".rstrip()
