"""The interpreter says what a graph means: held against torch, and what it must hold to for judging others."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings

from compiler.random_graphs import EVERYTHING, Sample, graphs, leaf_values
from everystep.compiler import ir
from everystep.compiler.checker import check
from everystep.compiler.interpret import interpret, reduce_into, seen
from everystep.compiler.ir import Graph, Leaf, View
from everystep.compiler.ops import OPS

H, I = 5, 3  # noqa: E741 - hidden and input, as in the equations


def lstm() -> Graph:
    """The step of torch.nn.LSTMCell, weights as torch keeps them."""
    h, c, x = ir.leaf("state", "h", H), ir.leaf("state", "c", H), ir.leaf("x", "x", I)
    weights = [View("weight_ih", 0, (1, I), (I, 4 * H)), View("weight_hh", 0, (1, H), (H, 4 * H))]
    bias = ir.make("add", *(ir.vector(View(name, 0, (1,), (4 * H,))) for name in ("bias_ih", "bias_hh")))
    gates = ir.affine([x, h], weights, bias, where="cell.py:3")
    i, f, g, o = (ir.slice_of(gates, k * H, H, where="cell.py:4") for k in range(4))
    kept = ir.make("mul", ir.make("sigmoid", f), c, where="cell.py:5")
    c = ir.make("add", kept, ir.make("mul", ir.make("sigmoid", i), ir.make("tanh", g)), where="cell.py:5")
    h = ir.make("mul", ir.make("sigmoid", o), ir.make("tanh", c), where="cell.py:6")
    return Graph({"state:h": h, "state:c": c, "y": h})


def test_an_lstm_step_is_torchs():
    cell = torch.nn.LSTMCell(I, H, dtype=torch.float64)
    x, h, c = (torch.randn(4, n, dtype=torch.float64) for n in (I, H, H))
    leaves = {Leaf("x", "x"): x, Leaf("state", "h"): h, Leaf("state", "c"): c}
    out = interpret(lstm(), leaves, dict(cell.named_parameters()))
    want = cell(x, (h, c))
    torch.testing.assert_close((out["state:h"], out["state:c"]), want, rtol=1e-14, atol=1e-14)  # sums in another order
    assert out["y"] is out["state:h"]


def test_every_operation_has_one_place_that_runs_it():
    looks_elsewhere = {"leaf", "vector", "constant", "slice", "cat", "affine", "lookup"}
    assert set(OPS) | looks_elsewhere == ir.OPS
    assert not set(OPS) & looks_elsewhere


def test_a_view_begins_where_its_tensor_begins():
    storage = torch.arange(20.0)
    root = storage[5:].view(5, 3)
    assert seen(View("W", 0, (3, 1), (5, 3)), root).equal(root)
    assert seen(View("W", 0, (3, 1), (5, 3)).transposed, root).equal(root.T)
    assert seen(View("W", 0, (3, 1), (5, 3)).part(1, 1, 2).part(0, 2, 3), root).equal(root[2:, 1:])
    assert seen(View("b", 4, (2,), (3,)), root).tolist() == [9.0, 11.0, 13.0]


def test_one_feature_spreads_over_many_and_results_have_every_row():
    x, one = ir.leaf("x", "x", 3), ir.leaf("state", "s", 1)
    graph = Graph(
        {"y": ir.make("mul", x, one), "n": ir.spread(ir.constant(2.0), 2), "b": ir.vector(View("b", 0, (1,), (2,)))}
    )
    numbers = {Leaf("x", "x"): torch.ones(2, 3), Leaf("state", "s"): torch.tensor([[2.0], [3.0]])}
    out = interpret(graph, numbers, {"b": torch.tensor([4.0, 5.0])})
    assert out["y"].tolist() == [[2.0] * 3, [3.0] * 3]
    assert out["n"].tolist() == [[2.0, 2.0]] * 2
    assert out["b"].tolist() == [[4.0, 5.0]] * 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_numbers_keep_the_dtype_of_what_is_given(dtype):
    flag = ir.leaf("flag", "reset", 1, truth=True)
    third = ir.make("div", ir.make("number", flag), ir.constant(3.0))
    chosen = ir.make("where", flag, ir.leaf("x", "x", 2), third)
    given_values = {
        Leaf("flag", "reset"): torch.tensor([[True], [False]]),
        Leaf("x", "x"): torch.zeros(2, 2, dtype=dtype),
    }
    out = interpret(Graph({"third": third, "chosen": chosen, "truth": flag}), given_values, {})
    assert out["third"].dtype == out["chosen"].dtype == dtype
    assert out["third"][0, 0] == torch.tensor(1.0, dtype=dtype) / 3.0
    assert out["truth"].dtype == torch.bool


def test_no_features_are_legal():
    x = ir.leaf("x", "x", 0)
    graph = Graph(
        {"sum": ir.reduce("sum", x), "y": ir.affine([x], [View("W", 0, (1, 0), (0, 2))]), "x": ir.make("add", x, x)}
    )
    check(graph)
    out = interpret(graph, {Leaf("x", "x"): torch.zeros(3, 0)}, {"W": torch.zeros(0)})
    assert [out[name].tolist() for name in ("sum", "y", "x")] == [[[0.0]] * 3, [[0.0, 0.0]] * 3, [[]] * 3]


def test_gradients_of_elements_that_a_view_repeats_add_up():
    total = torch.zeros(4)
    reduce_into(total, View("b", 1, (0,), (3,)), torch.tensor([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]), None)
    assert total.tolist() == [0.0, 66.0, 0.0, 0.0]


@settings(max_examples=100, deadline=None)
@given(graphs(EVERYTHING))
def test_random_steps_are_valid_stay_in_bounds_and_rows_know_nothing_of_each_other(sample: Sample):
    check(sample.graph)
    values = leaf_values(sample.leaves, rows=4)
    out = interpret(sample.graph, values, sample.roots)
    alone = interpret(sample.graph, {leaf: value[2:3] for leaf, value in values.items()}, sample.roots)
    for name, value in out.items():
        assert value.shape == (4, sample.graph.outputs[name].size)
        assert value.abs().max() <= (1.0 if name.startswith("state:") else 3.0) + 1e-12  # rounding
        torch.testing.assert_close(alone[name], value[2:3], rtol=1e-12, atol=1e-12)  # mm sums few rows otherwise
