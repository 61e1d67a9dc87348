"""Indices: whole numbers that a step finds with argmax, moves about and chooses from, but does not reckon with.

They are values like all others, in the type of all numbers, which counts exactly to 2^24. What makes one an index is
how it came about, and that also bounds it: a lookup is held to its table when the step is traced.
"""

from __future__ import annotations

from collections.abc import Sequence

from everystep.compiler.ir import Node, sorted_nodes

_MOVES = {"slice", "cat", "spread", "repeat", "stop"}


def choices(node: Node) -> int:
    """Count the numbers from 0 on among which an index is; 0 for what is no index."""
    found: dict[Node, int] = {}
    for one in sorted_nodes([node]):
        found[one] = _own_choices(one, [found[i] for i in one.inputs])
    return found[node]


def _own_choices(node: Node, inputs: Sequence[int]) -> int:
    if node.op == "argmax":
        return node.inputs[0].size
    if node.op == "constant":
        number = node.attribute
        return 0 if node.truth or number < 0 or number != int(number) else int(number) + 1
    chosen = inputs if node.op in _MOVES else inputs[1:] if node.op == "where" else ()
    return max(chosen) if chosen and all(chosen) else 0
