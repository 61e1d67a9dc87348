"""Every graph that breaks an invariant is refused, with the node and the line that it comes from."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings

from compiler.random_graphs import Sample, graphs
from everystep.compiler import ir
from everystep.compiler.checker import BrokenGraphError, check
from everystep.compiler.ir import Graph, Leaf, Node, View

X, H, FLAG = ir.leaf("x", "x", 3), ir.leaf("state", "h", 5), ir.leaf("flag", "reset", 1, truth=True)
W = View("W", 0, (1, 3), (3, 5))

BROKEN = {
    "no such operation": Node("tan", (X,), 3),
    "whole number from 0 on": Node("neg", (X,), -3),
    "number of inputs is 1; expected 2": Node("add", (X,), 3),
    "its size is [3]; expected [3, 5]": Node("add", (X, H), 3),
    "its size is [5]; expected [3]": Node("neg", (X,), 5),
    "its size is [1]; expected [3]": Node("where", (FLAG, X, X), 1),
    "truths of inputs and result is (True, False)": Node("neg", (FLAG,), 1),
    "truths of inputs and result is (False, False, False)": Node("lt", (X, X), 3),
    "truths of inputs and result is (False, False, False, False)": Node("where", (X, X, X), 3),
    "expected (True, False, False, False)": Node("where", (FLAG, FLAG, X), 3),
    "expected (False, False, True)": Node("lt", (X, FLAG), 3, truth=True),
    "expected (True, True, True)": Node("and", (X, FLAG), 3, truth=True),
    "expected (True, False)": Node("number", (X,), 3),
    "attribute is 2; expected None": Node("neg", (X,), 3, attribute=2),
    "expected a Leaf of kind": Node("leaf", (), 3, attribute=Leaf("parameter", "W")),
    "expected (1, True)": Node("leaf", (), 3, truth=True, attribute=Leaf("flag", "reset")),
    "attribute is None; expected a View": Node("vector", (), 3),
    "shape of b[0+1: 4] is (4,); expected (3,)": Node("vector", (), 3, attribute=View("b", 0, (1,), (4,))),
    "number of strides of b[0+: 3] is 0; expected 1": Node("vector", (), 3, attribute=View("b", 0, (), (3,))),
    "b[-1+1: 3] begins or goes on outside": Node("vector", (), 3, attribute=View("b", -1, (1,), (3,))),
    "type of attribute is <class 'int'>": Node("constant", (), 1, attribute=1),
    "inputs and size is ((), 2)": Node("constant", (), 2, attribute=1.0),
    "features from 2 on, 2 of them, of a value with 3": Node("slice", (X,), 2, attribute=2),
    "features from -1 on": Node("slice", (X,), 2, attribute=-1),
    "its size is 8; expected 6": Node("cat", (X, X), 8),
    "number of inputs is 0; expected 1": Node("cat", (), 0),
    "truths of inputs and result is (False, True, False)": Node("cat", (X, FLAG), 4),
    "size of its input is 3; expected 1": Node("spread", (X,), 6),
    "its size and truth is (3, False); expected (1, False)": Node("sum", (X,), 3),
    "nothing has no largest": Node("max", (ir.leaf("x", "none", 0),), 1),
    "size of its index is 3; expected 1": Node("lookup", (X,), 5, attribute=W),
    "expected a View of rows": Node("lookup", (ir.constant(0.0),), 5, attribute=View("b", 0, (1,), (5,))),
    "is (3, 5); expected (3, 4)": Node("lookup", (ir.constant(0.0),), 4, attribute=W),
    "expected a view for each product": Node("affine", (X,), 5),
    "3 inputs for 1 products": Node("affine", (X, X, H), 5, attribute=(W,)),
    "shape of W[0+1+3: 3x5] is (3, 5); expected (5, 5)": Node("affine", (H,), 5, attribute=(W,)),
    "shape of W[0+1+3: 3x5] is (3, 5); expected (3, 4)": Node("affine", (X,), 4, attribute=(W,)),
    "size of its start is 1; expected 5": Node("affine", (X, ir.constant(0.0)), 5, attribute=(W,)),
    "expected (False, False)": Node("affine", (FLAG,), 5, attribute=(View("W", 0, (1, 1), (1, 5)),)),
}  # fmt: skip


@pytest.mark.parametrize("complaint", BROKEN)
def test_what_breaks_an_invariant_is_refused_by_name_and_line(complaint):
    broken = ir.with_inputs(BROKEN[complaint], BROKEN[complaint].inputs)
    broken = Node(broken.op, broken.inputs, broken.size, broken.truth, broken.attribute, where="cell.py:14")
    with pytest.raises(BrokenGraphError, match=re.escape(complaint)) as refusal:
        check(Graph({"y": broken}))
    assert str(refusal.value).startswith(f"cell.py:14: {broken.op}(")


@pytest.mark.parametrize("outputs", [{"": X}, {"y": None}, {0: X}])
def test_an_output_has_a_name_and_a_node(outputs):
    with pytest.raises(BrokenGraphError, match="expected a name and its node"):
        check(Graph(outputs))


def test_one_leaf_has_one_size():
    with pytest.raises(BrokenGraphError, match="used with 3 and 4 features"):
        check(Graph({"y": ir.cat([X, ir.leaf("x", "x", 4)])}))


@settings(max_examples=50, deadline=None)
@given(graphs())
def test_valid_steps_pass(sample: Sample):
    check(sample.graph)
