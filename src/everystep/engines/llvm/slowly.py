"""The same passes by torch's own operations: for what differentiates, batches or watches them."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from everystep.compiler.interpret import Looks, interpret
from everystep.compiler.ir import Graph, Leaf
from everystep.engines.llvm.forward import Given, Tensors
from everystep.engines.llvm.programs import Span


def slowly(graph: Graph, span: Span, given: Given) -> tuple[Tensors, Tensors]:
    """Run a step over time by interpreting its graph.

    Args:
        graph: The step.
        span: The steps.
        given: As compiled code takes it.

    Returns:
        What it puts out for every step, (steps of all rows, size) by output; and the last state by part.
    """
    state, looks = dict(given.state), Looks()
    taken: dict[str, list[Tensor]] = {name: [] for name in graph.outputs if not name.startswith("state:")}
    for first, rows in _steps(span):
        leaves = {_leaf(name): value[first : first + rows] for name, value in given.time.items()}
        leaves |= {Leaf("row", name): value[:rows] for name, value in given.rows.items()}
        leaves |= {Leaf("state", name): part[:rows] for name, part in state.items()}
        found = interpret(graph, leaves, given.roots, looks)
        state = {name: torch.cat([found[f"state:{name}"], part[rows:]]) for name, part in state.items()}
        for name, values in taken.items():
            values.append(found[name])
    if span.reverse:
        taken = {name: values[::-1] for name, values in taken.items()}
    return {name: torch.cat(values) for name, values in taken.items()}, state


def _steps(span: Span) -> list[tuple[int, int]]:
    """The first row and the number of rows of every step, in the order in which they are taken."""
    if span.starts is not None:
        return [(low, high - low) for low, high in pairwise(span.starts.tolist())]
    steps = [(k * span.rows, span.rows) for k in range(span.steps)]
    return steps[::-1] if span.reverse else steps


def _leaf(name: str) -> Leaf:
    kind, _, rest = name.partition(":")
    return Leaf(kind, rest)
