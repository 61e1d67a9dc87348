"""Derivatives by rule agree with autograd of the interpreted step; what nobody wants is never built."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from compiler.random_graphs import EVERYTHING, Sample, graphs, leaf_values
from compiler.test_interpret import H, lstm
from everystep.compiler import ir
from everystep.compiler.checker import check
from everystep.compiler.gradient import Gradients, differentiate
from everystep.compiler.interpret import reduce_into, values_of
from everystep.compiler.ir import Graph, Leaf, Node, View, make
from everystep.compiler.ops import OPS

EDGES = (-2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0, 3.0)
NEVER = float("nan")


def seeds_of(outputs: Mapping[str, Node]) -> dict[Node, Node]:
    """A leaf ``gradient`` for every output of a step; outputs that are one node share the sum of theirs."""
    seeds: dict[Node, Node] = {}
    for name, node in outputs.items():
        given_one = ir.leaf("gradient", name, node.size)
        seeds[node] = make("add", seeds[node], given_one) if node in seeds else given_one
    return seeds


def leaves_of(graph: Graph) -> list[Node]:
    return [node for node in graph.nodes() if node.op == "leaf" and not node.truth]


def ends(gradients: Gradients) -> list[Node]:
    reduced = [node for r in gradients.reductions for node in r[1:] if node is not None]
    return [*gradients.of.values(), *reduced]


def by_autograd(graph: Graph, leaves: dict[Leaf, Tensor], roots: dict[str, Tensor], seeds: dict[str, Tensor]) -> dict:
    """Gradient of each leaf (by Leaf) and root (by name); zero where there is none."""
    given_leaves = {k: v.clone().requires_grad_(v.is_floating_point()) for k, v in leaves.items()}
    given_roots = {k: v.clone().requires_grad_() for k, v in roots.items()}
    values = values_of(graph.outputs.values(), given_leaves, given_roots)
    pairs = [(values[node], seeds[name]) for name, node in graph.outputs.items() if values[node].requires_grad]
    wanted = {k: v for k, v in {**given_leaves, **given_roots}.items() if v.requires_grad}
    if not pairs:
        return {k: torch.zeros_like(v) for k, v in wanted.items()}
    outputs, seeds_of_outputs = zip(*pairs, strict=True)
    found = torch.autograd.grad(outputs, list(wanted.values()), seeds_of_outputs, materialize_grads=True)
    return dict(zip(wanted, found, strict=True))


def by_rule(graph: Graph, leaves: dict[Leaf, Tensor], roots: dict[str, Tensor], seeds: dict[str, Tensor]) -> dict:
    """The same by ``differentiate``."""
    nodes = leaves_of(graph)
    gradients = differentiate(seeds_of(graph.outputs), nodes, roots)
    check(Graph({str(n): node for n, node in enumerate(ends(gradients))}))
    given_leaves = {**leaves, **{Leaf("gradient", name): seed for name, seed in seeds.items()}}
    values = values_of(ends(gradients), given_leaves, roots)
    found = {k: torch.zeros_like(v) for k, v in {**leaves, **roots}.items() if v.is_floating_point()}
    found.update({leaf.attribute: values[node] for leaf, node in gradients.of.items()})
    for view, *ends_of_sum in gradients.reductions:
        reduce_into(found[view.root], view, *(None if end is None else values[end] for end in ends_of_sum))
    return found


def seeds_for(graph: Graph, leaves: dict[Leaf, Tensor]) -> dict[str, Tensor]:
    rows = len(next(iter(leaves.values())))
    sizes = {Leaf("gradient", name): node.size for name, node in graph.outputs.items()}
    return {leaf.name: seed for leaf, seed in leaf_values(sizes, rows, seed=7).items()}


def assert_as_autograd(graph: Graph, leaves: dict[Leaf, Tensor], roots: dict[str, Tensor]) -> None:
    seeds = seeds_for(graph, leaves)
    found, want = by_rule(graph, leaves, roots, seeds), by_autograd(graph, leaves, roots, seeds)
    assert found.keys() == want.keys()
    largest = max([1.0, *(w.abs().max().item() for w in want.values() if w.numel() and w.isfinite().all())])
    for (
        name,
        gradient,
    ) in want.items():  # rounding is relative to what was added up; the largest gradient stands for that
        torch.testing.assert_close(
            found[name], gradient, rtol=1e-12, atol=1e-12 * largest, equal_nan=True, msg=lambda m, n=name: f"{n}: {m}"
        )


@settings(max_examples=200, deadline=None)
@given(graphs(EVERYTHING))
def test_gradients_of_random_steps_are_autograds(sample: Sample):
    assert_as_autograd(sample.graph, leaf_values(sample.leaves, rows=3), sample.roots)


def test_gradients_of_an_lstm_are_autograds():
    cell = torch.nn.LSTMCell(3, H, dtype=torch.float64)
    leaves = {leaf.attribute: leaf.size for leaf in leaves_of(lstm())}
    roots = {name: p.detach() for name, p in cell.named_parameters()}
    assert_as_autograd(lstm(), leaf_values(leaves, rows=4), roots)


def edge_points(op: str) -> list[Tensor]:
    """Values for each input of an operation: every combination of edges, a row for each."""
    if op in {*ir.REDUCED, *ir.FOLDS}:
        return [torch.tensor(list(itertools.product(EDGES, repeat=4 if "_" in op else 3)), dtype=torch.float64)]
    if op == "repeat":
        return [torch.tensor(list(itertools.product(EDGES, repeat=2)), dtype=torch.float64)]
    count = len(OPS[op].rules)
    truths = count if op in {"and", "or", "not", "number"} else int(op == "where")
    columns = [(False, True) if k < truths else EDGES for k in range(count)]
    rows = list(itertools.product(*columns))
    return [
        torch.tensor(column, dtype=torch.bool if k < truths else torch.float64)[:, None]
        for k, column in enumerate(zip(*rows, strict=True))
    ]


@pytest.mark.parametrize("op", sorted(OPS))
def test_each_operation_has_autograds_gradient_at_every_edge(op):
    inputs = edge_points(op)
    nodes = [ir.leaf("x", str(k), v.shape[1], truth=v.dtype == torch.bool) for k, v in enumerate(inputs)]
    result = node_of(op, nodes)
    graph = Graph({"y": make("number", result) if result.truth else result})
    assert_as_autograd(graph, {node.attribute: value for node, value in zip(nodes, inputs, strict=True)}, {})


def node_of(op: str, inputs: list[Node]) -> Node:
    if op in ir.REDUCED:
        return ir.reduce(op, inputs[0])
    if op == "repeat":
        return ir.repeat(inputs[0], 3, 1)
    if op in ir.FOLDS:
        return ir.fold(op.removeprefix("fold_"), inputs[0], 2, 2)
    return ir.spread(inputs[0], 3) if op == "spread" else make(op, *inputs)


@pytest.mark.parametrize("exponent", EDGES)
def test_powers_with_a_known_exponent_have_autograds_gradient(exponent):
    x = ir.leaf("x", "x", len(EDGES))
    assert_as_autograd(
        Graph({"y": make("pow", x, ir.constant(exponent))}),
        {x.attribute: torch.tensor([EDGES], dtype=torch.float64)},
        {},
    )


@pytest.mark.parametrize("op", ["relu", "maximum", "minimum", "abs", "max", "where"])
def test_nan_goes_where_autograd_lets_it_go(op):
    inputs = [
        torch.tensor([[NEVER, 1.0, 2.0, -1.0]], dtype=torch.float64),
        torch.tensor([[1.0, NEVER, 2.0, 3.0]], dtype=torch.float64),
    ]
    nodes = [ir.leaf("x", str(k), 4) for k in range(2)]
    count = 1 if op == "max" else len(OPS[op].rules)
    values = [make("lt", *nodes), *nodes] if op == "where" else nodes[:count]
    used = 2 if op == "where" else count
    assert_as_autograd(Graph({"y": node_of(op, values)}), {Leaf("x", str(k)): inputs[k] for k in range(used)}, {})


@pytest.mark.parametrize("op", sorted(op for op in OPS if len(OPS[op].rules) == 2 and op in ir.NUMBERS))
@pytest.mark.parametrize("sizes", [(1, 4), (4, 1)])
def test_one_feature_that_met_many_gets_the_sum(op, sizes):
    nodes = [ir.leaf("x", str(k), size) for k, size in enumerate(sizes)]
    leaves = {node.attribute: torch.rand(3, node.size, dtype=torch.float64) + 0.5 for node in nodes}
    assert_as_autograd(Graph({"y": make(op, *nodes)}), leaves, {})


def test_nan_in_the_branch_that_is_not_chosen_reaches_no_gradient():
    flag, value, h = ir.leaf("flag", "forced", 1, truth=True), ir.leaf("value", "h", 3), ir.leaf("state", "h", 3)
    view = View("W", 0, (3, 1), (3, 3))
    graph = Graph({"y": ir.affine([make("where", flag, make("log", value), h)], [view])})
    leaves = leaf_values({Leaf("state", "h"): 3}, rows=2) | {Leaf("flag", "forced"): torch.tensor([[True], [False]])}
    leaves[Leaf("value", "h")] = torch.tensor([[1.0] * 3, [NEVER] * 3], dtype=torch.float64)
    gradients = by_rule(graph, leaves, {"W": torch.eye(3, dtype=torch.float64)}, seeds_for(graph, leaves))
    assert gradients[Leaf("state", "h")].isfinite().all()
    assert gradients["W"].isfinite().all()
    assert gradients[Leaf("state", "h")][0].tolist() == [0.0] * 3


def test_slices_that_cover_a_value_give_back_one_cat():
    graph = lstm()
    x, gates = leaf_named(graph, "x"), next(n for n in graph.nodes() if n.op == "affine")
    gradients = differentiate(seeds_of(graph.outputs), [x, gates], {"weight_hh"})
    assert gradients.of[gates].op == "cat"
    assert [part.size for part in gradients.of[gates].inputs] == [H] * 4
    assert gradients.of[x].inputs == (gradients.of[gates],)
    assert [(str(r.view), r.gradient, r.value) for r in gradients.reductions] == [
        ("weight_hh[0+1+5: 5x20]", gradients.of[gates], leaf_named(graph, "h"))
    ]


def leaf_named(graph: Graph, name: str) -> Node:
    return next(leaf for leaf in leaves_of(graph) if leaf.attribute.name == name)


@pytest.mark.parametrize(
    "ranges",
    [
        [(0, 2)],
        [(1, 3), (4, 6)],
        [(0, 4), (2, 6)],
        [(0, 6), (1, 2), (1, 2)],
        [(0, 3), (3, 6), (0, 6)],
        [(2, 4), (0, 6)],
    ],
)
def test_any_slices_of_a_value_or_of_a_cat_have_autograds_gradient(ranges):
    x, z = ir.leaf("x", "x", 6), ir.leaf("x", "z", 2)
    for value in (x, ir.cat([z, x, z]), ir.slice_of(ir.cat([x, x]), 3, 6), make("exp", x)):
        parts = {f"{n}": ir.slice_of(value, low, high - low) for n, (low, high) in enumerate(ranges)}
        graph = Graph({name: make("mul", part, part) for name, part in parts.items()})
        assert_as_autograd(graph, leaf_values({Leaf("x", "x"): 6, Leaf("x", "z"): 2}, rows=2), {})


def test_what_leads_to_nothing_wanted_is_not_built():
    graph = lstm()
    seeds = seeds_of(graph.outputs)
    assert differentiate(seeds, [], ()) == ({}, [])
    gradients = differentiate(seeds, [leaf_named(graph, "c")])
    assert gradients.reductions == []
    built = ir.sorted_nodes(gradients.of.values())
    assert not [node for node in built if node.op in {"affine", "cat"} and node not in graph.nodes()]
    assert differentiate(seeds, [ir.leaf("x", "unused", 2)]) == ({}, [])


def test_stopped_and_jumping_values_get_no_gradient():
    x = ir.leaf("x", "x", 3)
    ended = [make(op, x) for op in ("stop", "sign", "floor")] + [make("number", make("lt", x, ir.constant(0.0)))]
    graph = Graph({str(n): node for n, node in enumerate(ended)})
    assert differentiate(seeds_of(graph.outputs), [x]) == ({}, [])


def test_outputs_that_are_one_value_share_one_seed():
    h = ir.leaf("state", "h", 2)
    seeds = seeds_of({"state:h": h, "y": h, "tap:h": h})
    assert list(seeds) == [h]
    assert [n.attribute.name for n in ir.sorted_nodes(seeds.values()) if n.op == "leaf"] == ["state:h", "y", "tap:h"]
    assert differentiate(seeds, [h]).of[h] is seeds[h]


def test_gradients_of_values_between_are_given_too():
    x = ir.leaf("x", "x", 2)
    middle = make("tanh", x)
    seeds = seeds_of({"y": make("exp", middle)})
    assert set(differentiate(seeds, [x, middle]).of) == {x, middle}


def test_gradients_keep_the_line_of_the_step():
    graph = lstm()
    built = ir.sorted_nodes(ends(differentiate(seeds_of(graph.outputs), leaves_of(graph), {"weight_ih"})))
    of_a_line = [n for n in built if n.op not in ir.LEAVES and n not in graph.nodes()]
    assert {n.where for n in of_a_line if n.op == "affine"} == {"cell.py:3"}


@settings(max_examples=25, deadline=None)
@given(graphs(EVERYTHING))
def test_the_same_step_gives_the_same_gradient_graph(sample: Sample):
    from everystep.compiler.printer import written

    def text() -> str:
        gradients = differentiate(seeds_of(sample.graph.outputs), leaves_of(sample.graph), sample.roots)
        return written(Graph({str(n): node for n, node in enumerate(ends(gradients))}))

    assert text() == text()
