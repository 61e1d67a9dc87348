"""Where no engine of ours computes, torch's own kernel runs, unless the call asks for something torch lacks."""

from __future__ import annotations

import io

import pytest
import torch
from torch import nn

import everystep as es
from everystep.errors import LayerError
from nn.drop_in import CELLS, LAYERS, assert_same, pair, random, tensors

every_layer = pytest.mark.parametrize("name", LAYERS)


@pytest.fixture
def elsewhere(monkeypatch):
    """A device that no engine serves."""
    monkeypatch.setattr("everystep.nn.native.serves", lambda device: False)


@pytest.fixture
def calls(monkeypatch):
    """How often torch's own kernels run."""
    seen = []
    for name in ("lstm", "gru", "rnn_tanh"):
        kernel = getattr(torch._VF, name)
        monkeypatch.setattr(torch._VF, name, lambda *given, kernel=kernel: (seen.append(1), kernel(*given))[1])
    return seen


@every_layer
def test_a_device_of_its_own_gets_torchs_kernel(name, elsewhere, calls):
    ours, theirs = pair(name, 2, 3, 2, bidirectional=True)
    got = ours(random(4, 3, 2))
    assert len(calls) == 1
    assert_same(tensors(got), tensors(theirs(random(4, 3, 2))), 0)


@every_layer
@pytest.mark.parametrize("more", [{"lengths": [4, 2, 0]}, {"record": "h"}, {"resets": torch.zeros(4, 3).bool()}])
def test_what_torch_lacks_is_ours_everywhere(name, more, elsewhere, calls):
    ours, _ = pair(name, 2, 3)
    ours(random(4, 3, 2), **(more if name != "RNN" or "record" not in more else {"record": "s"}))
    assert not calls


@every_layer
def test_a_cpu_is_served_by_us(name, calls):
    ours, _ = pair(name, 2, 3)
    ours(random(4, 3, 2))
    assert not calls


@every_layer
def test_an_engine_asked_for_by_name_runs(name, elsewhere, calls):
    ours, _ = pair(name, 2, 3)
    with es.use_engine("reference"):
        ours(random(4, 3, 2))
    assert not calls


@every_layer
def test_a_device_without_numbers(name):
    ours, theirs = (getattr(room, name)(2, 3, 2, device="meta") for room in (es.nn, nn))
    x = torch.randn(4, 3, 2, device="meta")
    assert [v.shape for v in tensors(ours(x))] == [v.shape for v in tensors(theirs(x))]


def test_a_wrong_call_elsewhere_gets_the_mend_too(elsewhere):
    with pytest.raises(LayerError, match=r"^input.size\(-1\) must be .* expected \(time, batch, input=2\)"):
        pair("GRU", 2, 3)[0](random(4, 3, 5))


@pytest.mark.filterwarnings("ignore:The tensor attributes self.layer._flat_weights")  # of torch's own layer too
@every_layer
def test_an_exported_layer_is_one_node(name):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = getattr(es.nn, name)(2, 3)

        def forward(self, x):
            return self.layer(x)[0]

    model, x = Model().eval(), torch.randn(40, 3, 2)
    exported = torch.export.export(model, (x,))
    assert len(exported.graph_module.graph.nodes) < 20  # as many as the weights, not as the steps
    assert_same([exported.module()(x)], [model(x)], 1e-6)  # float32


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::torch.jit.TracerWarning")
@every_layer
def test_the_exporter_that_traces_writes_one_node(name, onnx_nodes):
    assert onnx_nodes(getattr(es.nn, name)(2, 3).eval(), torch.randn(4, 3, 2)).count(name) == 1


@pytest.fixture
def onnx_nodes():
    onnx = pytest.importorskip("onnx")

    def nodes(model, x):
        written = io.BytesIO()
        torch.onnx.export(model, (x,), written, dynamo=False)
        return [node.op_type for node in onnx.load_model_from_string(written.getvalue()).graph.node]

    return nodes


@pytest.mark.parametrize("name", CELLS)
def test_a_step_with_gradients_is_torchs(name, monkeypatch):
    cell, _ = pair(name, 2, 3)
    monkeypatch.setattr("everystep.nn.cells.unroll", None)
    assert tensors(cell(random(4, 2)))[0].grad_fn is not None
    with torch.no_grad(), pytest.raises(TypeError):
        cell(random(4, 2))  # ours, which was taken away
