"""Loaded nodes compute what ONNX says: by its own node tests, by its own evaluator, and by the equations in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator

import everystep as es
from onnx_nodes.judge import ALPHA, BETA, DEFAULTS, GATES, OUTPUTS, expected, model_of

FLOAT32 = 1e-5  # a few tens of roundings of 6e-8
FLOAT64 = 1e-10  # alpha and beta are float32 in a node: onnx's operators round other terms with them than we
ACTIVATIONS = (*ALPHA, "Relu", "Tanh", "Sigmoid", "Softsign", "Softplus")


def node_tests():
    """The recurrent node tests of the onnx wheel."""
    import onnx.backend.test.case.node.gru
    import onnx.backend.test.case.node.lstm
    import onnx.backend.test.case.node.rnn  # noqa: F401 - importing a file collects its cases
    from onnx.backend.test.case import node

    names = ("test_rnn_", "test_gru_", "test_lstm_", "test_simple_rnn_")
    return [case for case in node._NodeTestCases if case.name.startswith(names)]


CASES = node_tests()


def test_the_onnx_wheel_holds_18_recurrent_node_tests():
    assert len({case.name for case in CASES}) == 18


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_recurrent_node_test_of_the_onnx_wheel_passes(case):
    [(inputs, outputs)] = case.data_sets
    values = {value.name: array for value, array in zip(case.model.graph.input, inputs, strict=True)}
    X = torch.tensor(values.pop("X"))
    layer = es.onnx.load_recurrent(case.model, weights=values)
    answer = layer(X)._asdict()
    names = [name for name in case.model.graph.node[0].output if name]
    for name, array in zip(names, outputs, strict=True):
        torch.testing.assert_close(answer[name], torch.tensor(array), rtol=0, atol=FLOAT32)
    for cell in layer.cells:
        assert es.unroll(cell, X.transpose(0, 1) if layer.batch_first else X).engine == "llvm"


def values_for(operator, seed, *, directions, among, time=4, batch=3, size=2, hidden=3):
    random, rows = np.random.default_rng(seed), GATES[operator] * hidden
    shapes = {
        "X": (time, batch, size), "W": (directions, rows, size), "R": (directions, rows, hidden),
        "B": (directions, 2 * rows), "initial_h": (directions, batch, hidden),
    }  # fmt: skip
    if operator == "LSTM":
        shapes |= {"initial_c": (directions, batch, hidden), "P": (directions, 3 * hidden)}
    values = {
        name: random.normal(size=shape) * 0.7 for name, shape in shapes.items() if name in {"X", "W", "R", *among}
    }
    if "sequence_lens" in among:
        values["sequence_lens"] = random.integers(0, time + 1, batch).astype(np.int32)
    return values


def run(operator, values, **attributes):
    weights = {name: value for name, value in values.items() if name != "X"}
    layer = es.onnx.load_recurrent(model_of(operator, values, **attributes), weights=weights)
    with torch.no_grad():
        return [part.numpy() for part in layer(torch.tensor(values["X"]))]


def assert_same(operator, ours, theirs):
    for name, one, other in zip(OUTPUTS[operator], ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=FLOAT64, atol=FLOAT64, err_msg=name)


DIRECTIONS = st.sampled_from(["forward", "reverse", "bidirectional"])
OPTIONAL = st.sets(st.sampled_from(["B", "initial_h", "initial_c", "P"]))


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["RNN", "GRU", "LSTM"]), DIRECTIONS, st.booleans(), st.booleans(), OPTIONAL, st.integers(0, 99))
def test_what_onnxs_evaluator_knows_it_computes_alike(operator, direction, batch_first, switch, among, seed):
    directions = 2 if direction == "bidirectional" else 1
    values = values_for(operator, seed, directions=directions, among=among)
    attributes = {"hidden_size": 3, "direction": direction, "layout": int(batch_first)}
    if operator == "GRU":
        attributes["linear_before_reset"] = int(switch)
    if operator == "RNN" and switch:
        attributes |= {"activations": ["Affine"] * directions, "activation_alpha": [0.5] * directions}
        attributes["activation_beta"] = [0.25] * directions
    if batch_first:
        first = {name: np.swapaxes(values[name], 0, 1) for name in ("X", "initial_h", "initial_c") if name in values}
        values |= {name: np.ascontiguousarray(value) for name, value in first.items()}
    theirs = ReferenceEvaluator(model_of(operator, values, **attributes)).run(None, values)
    with es.use_engine("reference"):
        assert_same(operator, run(operator, values, **attributes), theirs)


@st.composite
def settings_of_a_node(draw):
    operator, direction = draw(st.sampled_from(["RNN", "GRU", "LSTM"])), draw(DIRECTIONS)
    directions = 2 if direction == "bidirectional" else 1
    names = draw(st.lists(st.sampled_from(ACTIVATIONS), min_size=directions, max_size=directions))
    names = [name for name in names for _ in DEFAULTS[operator]]
    numbers = st.floats(0.125, 1.0, width=16)
    attributes = {"hidden_size": 3, "direction": direction, "activations": names}
    for letter, takers in (("alpha", ALPHA), ("beta", BETA)):
        count = sum(name in takers for name in names)
        if count:
            attributes[f"activation_{letter}"] = draw(st.lists(numbers, min_size=count, max_size=count))
    if draw(st.booleans()):
        attributes["clip"] = 0.5
    own = {"GRU": "linear_before_reset", "LSTM": "input_forget"}.get(operator)
    if own:
        attributes[own] = draw(st.integers(0, 1))
    among = draw(st.sets(st.sampled_from(["B", "initial_h", "initial_c", "P", "sequence_lens"])))
    return operator, attributes, values_for(operator, draw(st.integers(0, 99)), directions=directions, among=among)


@settings(max_examples=40, deadline=None)
@given(settings_of_a_node())
def test_any_attributes_give_what_the_equations_give(node):
    operator, attributes, values = node
    with es.use_engine("reference"):
        ours = run(operator, values, **attributes)
    assert_same(operator, ours, expected(operator, values, **attributes))


@pytest.mark.parametrize(
    ("operator", "names", "own"),
    [
        ("LSTM", ["Affine", "LeakyRelu", "ThresholdedRelu"], {"input_forget": 1}),
        ("LSTM", ["ScaledTanh", "HardSigmoid", "Elu"], {}),
        ("LSTM", ["Softsign", "Softplus", "Relu"], {}),
        ("GRU", ["Sigmoid", "Tanh"], {"linear_before_reset": 1}),
        ("GRU", ["HardSigmoid", "Affine"], {}),
    ],
)
def test_every_activation_is_compiled_and_agrees(operator, names, own):
    alphas, betas = ([0.25] * sum(name in takers for name in names) for takers in (ALPHA, BETA))
    attributes = {"hidden_size": 3, "activations": names, "clip": 0.75, **own}
    attributes |= {"activation_alpha": alphas} if alphas else {}
    attributes |= {"activation_beta": betas} if betas else {}
    values = values_for(operator, 0, directions=1, among={"B", "P", "initial_h"})
    weights = {name: value for name, value in values.items() if name != "X"}
    layer = es.onnx.load_recurrent(model_of(operator, values, **attributes), weights=weights)
    X = torch.tensor(values["X"])
    assert es.unroll(layer.cells[0], X).engine == "llvm"
    with torch.no_grad():
        assert_same(operator, [part.numpy() for part in layer(X)], expected(operator, values, **attributes))
