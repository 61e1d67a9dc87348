"""The backward step, from what it is given and what was kept for it alone, gives autograd's gradients."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from torch import Tensor

from compiler.random_graphs import EVERYTHING, Sample, graphs, leaf_values
from compiler.test_gradient import by_autograd, leaves_of, seeds_for
from everystep.compiler.backward import Backward, backward_step
from everystep.compiler.checker import check
from everystep.compiler.interpret import interpret, reduce_into, values_of
from everystep.compiler.ir import Graph, Leaf
from everystep.compiler.simplify import simplify

Leaves = dict[Leaf, Tensor]


def given_backward(forward: Graph, backward: Backward, leaves: Leaves, roots: dict, seeds: dict[str, Tensor]) -> Leaves:
    """What the backward step finds, and no more: seeds, the state before and after, other leaves, what was kept."""
    ends = [*forward.outputs.values(), *backward.kept.values()]
    values = values_of(ends, leaves, roots)
    found = {leaf if leaf.kind != "state" else Leaf("before", leaf.name): value for leaf, value in leaves.items()}
    for name, node in forward.outputs.items():
        kind, _, part = name.partition(":")
        if kind == "state":
            found[Leaf("after", part)] = values[node]
        found[Leaf("state", part) if kind == "state" else Leaf("gradient", name)] = seeds[name]
    found.update({Leaf("kept", name): values[node] for name, node in backward.kept.items()})
    found[Leaf("kept", "y")] = values[forward.outputs["y"]]
    return found


def name_of(leaf: Leaf) -> str:
    return f"{leaf.kind}:{leaf.name}" if leaf.kind in {"state", "row"} else f"gradient:{leaf.kind}:{leaf.name}"


@settings(max_examples=150, deadline=None)
@given(graphs(EVERYTHING))
def test_one_backward_step_of_random_steps_gives_autograds_gradients(sample: Sample):
    leaves, roots, forward = leaf_values(sample.leaves, rows=3), sample.roots, simplify(sample.graph)
    seeds = seeds_for(sample.graph, leaves)
    want = by_autograd(sample.graph, leaves, roots, seeds)
    wanted = [leaf.attribute for leaf in leaves_of(forward)]
    backward = backward_step(forward, wanted, roots)
    check(backward.graph)
    out = interpret(backward.graph, given_backward(forward, backward, leaves, roots, seeds), roots)
    found = {k: torch.zeros_like(v) for k, v in {**leaves, **roots}.items() if v.is_floating_point()}
    found.update({leaf: out[name_of(leaf)] for leaf in wanted})
    for view, *ends in backward.deferred:
        reduce_into(found[view.root], view, *(None if end is None else out[end] for end in ends))
    largest = max(1.0, *(gradient.abs().max().item() for gradient in want.values()))
    for name, gradient in want.items():  # simplified: other orders of sums, each a rounding of the largest
        torch.testing.assert_close(
            found[name], gradient, rtol=1e-10, atol=1e-11 * largest, msg=lambda m, n=name: f"{n}: {m}"
        )
