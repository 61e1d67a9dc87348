"""A simplified step computes what the step computes, and is as valid."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings

from compiler.random_graphs import EVERYTHING, Sample, graphs, leaf_values
from everystep.compiler import ir
from everystep.compiler.checker import check
from everystep.compiler.interpret import interpret
from everystep.compiler.ir import Graph, Leaf, View
from everystep.compiler.simplify import simplify


def assert_simplified_is_same(sample: Sample) -> None:
    simple = simplify(sample.graph)
    check(simple)
    values = leaf_values(sample.leaves, rows=3)
    before, after = (interpret(graph, values, sample.roots) for graph in (sample.graph, simple))
    assert before.keys() == after.keys()
    for name, value in before.items():  # sums in another order: values are at most 3, and go through few operations
        torch.testing.assert_close(after[name], value, rtol=1e-11, atol=1e-11, msg=lambda m, n=name: f"{n}: {m}")


@settings(max_examples=150, deadline=None)
@given(graphs(EVERYTHING))
def test_random_steps_compute_the_same_when_simplified(sample: Sample):
    assert_simplified_is_same(sample)


@pytest.mark.parametrize("sizes", [(2, 2), (1, 2), (2, 1, 2)])
def test_any_slice_of_a_cat_of_leaves_is_found_again(sizes):
    parts = [ir.leaf("x", str(n), size) for n, size in enumerate(sizes)]
    whole = ir.cat(parts)
    ranges = itertools.combinations(range(whole.size + 1), 2)
    outputs = {f"{low}:{high}": ir.slice_of(whole, low, high - low) for low, high in ranges}
    for name, part in outputs.items():
        assert_simplified_is_same(Sample(Graph({name: part}), {part.attribute: part.size for part in parts}, {}))


def test_a_choice_between_one_number_and_itself_keeps_the_size_of_its_truth():
    x, number = ir.leaf("x", "x", 3), ir.leaf("row", "number", 1)
    chosen = ir.make("where", ir.make("lt", x, ir.constant(0.0)), number, number)
    assert_simplified_is_same(Sample(Graph({"y": chosen}), {Leaf("x", "x"): 3, Leaf("row", "number"): 1}, {}))


def test_a_product_of_one_feature_that_spreads_is_added_as_it_is():
    x, h = ir.leaf("x", "x", 3), ir.leaf("state", "h", 2)
    one = ir.affine([x], [View("W", 0, (1, 1), (3, 1))])
    roots = {"W": torch.arange(3, dtype=torch.float64)}
    assert_simplified_is_same(
        Sample(Graph({"y": ir.make("add", one, h)}), {Leaf("x", "x"): 3, Leaf("state", "h"): 2}, roots)
    )
