"""From a file to a module: which node, whose weights, and what is refused in which words."""

from __future__ import annotations

import sys

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

import everystep as es
from onnx_nodes.judge import model_of

RANDOM = np.random.default_rng(0)
VALUES = {
    name: RANDOM.normal(size=shape).astype(np.float32)
    for name, shape in {"X": (5, 2, 3), "W": (1, 12, 3), "R": (1, 12, 4), "B": (1, 24)}.items()
}
WEIGHTS = {name: VALUES[name] for name in "WRB"}
X = torch.tensor(VALUES["X"])


def gru(**attributes):
    return model_of("GRU", VALUES, **{"hidden_size": 4, **attributes})


def stored(model, **values):
    """The model with weights of its own."""
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in values.items())
    return model


def test_a_file_with_weights_loads_and_learns(tmp_path):
    onnx.save(stored(gru(), **WEIGHTS), tmp_path / "gru.onnx")
    layer = es.onnx.load_recurrent(tmp_path / "gru.onnx")
    assert dict(layer.named_parameters()).keys() == {"cells.0.W", "cells.0.R", "cells.0.B"}
    before = layer(X).Y.square().mean()
    before.backward()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.sub_(0.1 * parameter.grad)
    assert layer(X).Y.square().mean() < before


def test_weights_that_are_computed_from_stored_ones_are_computed():
    model = gru()
    model.graph.node.insert(0, helper.make_node("Neg", ["minus W"], ["W"]))
    stored(model, **{"minus W": -VALUES["W"], "R": VALUES["R"], "B": VALUES["B"]})
    ours, theirs = es.onnx.load_recurrent(model), es.onnx.load_recurrent(gru(), weights=WEIGHTS)
    torch.testing.assert_close(ours(X), theirs(X), rtol=0, atol=0)


def test_a_start_that_the_model_holds_is_taken_unless_another_is_given_or_it_is_zero():
    start = np.full((1, 2, 4), 0.5, np.float32)
    model = model_of("GRU", {**VALUES, "initial_h": start}, hidden_size=4)
    held = es.onnx.load_recurrent(model, weights={**WEIGHTS, "initial_h": start})
    given = es.onnx.load_recurrent(gru(), weights=WEIGHTS)
    torch.testing.assert_close(held(X), given(X, initial_h=torch.tensor(start)), rtol=0, atol=0)
    torch.testing.assert_close(held(X, initial_h=torch.zeros(1, 2, 4)), given(X), rtol=0, atol=0)
    zero = es.onnx.load_recurrent(model, weights={**WEIGHTS, "initial_h": 0 * start})
    assert zero(torch.randn(5, 7, 3)).Y.shape == (5, 1, 7, 4)  # another batch than the model was written for


def test_alpha_may_stand_for_every_activation_or_for_those_that_take_one():
    names = {"activations": ["Sigmoid", "LeakyRelu"]}
    each = es.onnx.load_recurrent(gru(**names, activation_alpha=[9.0, 0.3]), weights=WEIGHTS)
    takers = es.onnx.load_recurrent(gru(**names, activation_alpha=[0.3]), weights=WEIGHTS)
    torch.testing.assert_close(each(X), takers(X), rtol=0, atol=0)


def several():
    node = {"inputs": ["X", "W", "R"], "hidden_size": 4}
    nodes = [helper.make_node("GRU", outputs=[name], name=name, **node) for name in ("first", "second")]
    return helper.make_model(helper.make_graph(nodes, "two", [], [helper.make_empty_tensor_value_info("second")]))


def of_opset(version):
    model = gru()
    model.opset_import[0].version = version
    return model


@pytest.mark.parametrize(
    ("model", "arguments", "error", "words"),
    [
        (several, {}, "ArgumentError", r"first \(GRU\), second \(GRU\)\. Pass node=NAME"),
        (several, {"node": "secnd"}, "UnknownNameError", 'did you mean "second"'),
        (gru, {}, "ArgumentError", r"GRU node: W is W, .* pass weights=\{'W': ARRAY\}"),
        (gru, {"weights": {"V": 1}}, "UnknownNameError", 'weight "V" is unknown'),
        (gru, {"weights": {**WEIGHTS, "R": VALUES["W"]}}, "ShapeError", r"R has shape \(1, 12, 3\); .*\(1, 12, 4\)"),
        (gru, {"weights": {**WEIGHTS, "B": np.zeros((1, 24))}}, "DTypeError", "B is torch.float64"),
        (lambda: gru(activations=["Sigmoid", "Tanhh"]), {}, "UnknownNameError", 'did you mean "Tanh"'),
        (lambda: gru(activations=["Tanh"]), {}, "ArgumentError", "expected 2 for each direction"),
        (lambda: gru(activations=["Sigmoid", "Affine"]), {}, "ArgumentError", "Affine has no activation_alpha"),
        (lambda: gru(activation_alpha=[1.0]), {}, "ArgumentError", "activation_alpha has 1 value"),
        (lambda: gru(direction="backward"), {}, "UnknownNameError", "forward, reverse, bidirectional"),
        (lambda: gru(layout=2), {}, "ArgumentError", "layout is 2"),
        (lambda: gru(clip=-1.0), {}, "ArgumentError", "clip is -1"),
        (lambda: gru(input_forget=1), {}, "UnknownNameError", 'attribute "input_forget"'),
        (lambda: of_opset(6), {}, "ModelFileError", r"convert_version\(model, 14\)"),
        (lambda: of_opset(999), {}, "ModelFileError", "pip install --upgrade onnx"),
        (onnx.ModelProto, {}, "ModelFileError", "no nodes"),
        (lambda: 5, {}, "ArgumentError", "expected a path"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_mend(model, arguments, error, words):
    with pytest.raises(getattr(es.errors, error), match=words):
        es.onnx.load_recurrent(model(), **arguments)


@pytest.mark.parametrize("content", [b"", b"no model", bytes(range(256))])
def test_a_damaged_file_is_refused_by_its_name(tmp_path, content):
    (tmp_path / "damaged.onnx").write_bytes(content)
    with pytest.raises(es.errors.ModelFileError, match=r"damaged"):
        es.onnx.load_recurrent(tmp_path / "damaged.onnx")


def test_a_missing_file_is_refused_by_its_name(tmp_path):
    with pytest.raises(es.errors.ModelFileError, match=r"absent\.onnx"):
        es.onnx.load_recurrent(tmp_path / "absent.onnx")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"X": torch.zeros(5, 3)}, r"X has shape \(5, 3\); expected \(time, batch, input=3\)"),
        ({"X": X, "initial_h": torch.zeros(2, 4)}, r"expected \(directions=1, batch=2, hidden=4\)"),
        ({"X": X, "initial_c": torch.zeros(1, 2, 4)}, "initial_c is for an LSTM"),
    ],
)
def test_a_wrong_call_is_refused_with_the_axes(arguments, words):
    with pytest.raises(es.errors.EverystepError, match=words):
        es.onnx.load_recurrent(gru(), weights=WEIGHTS)(**arguments)


def test_without_onnx_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(es.errors.MissingExtraError, match=r"everystep\[onnx\]"):
        es.onnx.load_recurrent("any.onnx")
