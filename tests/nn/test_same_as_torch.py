"""A drop-in gives what torch's layer gives: values, states, every gradient; weights, names and files too."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import everystep as es
from nn.drop_in import CELLS, LAYERS, assert_same, outcome, pair, random, state, tensors

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")  # torch's own
every_layer = pytest.mark.parametrize("name", LAYERS)
every_cell = pytest.mark.parametrize("name", CELLS)


@st.composite
def layers(draw):
    """A layer by its constructor's arguments; of one size, so that little is compiled."""
    name = draw(st.sampled_from(LAYERS))
    kwargs = {key: draw(st.booleans()) for key in ("bias", "batch_first", "bidirectional")}
    kwargs["num_layers"] = draw(st.sampled_from([1, 2]))
    if name == "LSTM" and draw(st.booleans()):
        kwargs["proj_size"] = 2
    if name == "RNN":
        kwargs["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    return pair(name, 2, 3, **kwargs)


@given(layers(), st.integers(1, 6), st.integers(0, 4), st.booleans())
@settings(max_examples=25, deadline=None, derandomize=True)
def test_padded_batches(both, steps, rows, started):
    ours, theirs = both
    shape = (rows, steps, 2) if ours.batch_first else (steps, rows, 2)
    x = random(*shape).requires_grad_()
    given = (x, state(ours, rows)) if started else (x,)
    assert_same(outcome(ours, *given), outcome(theirs, *given))


@given(layers(), st.integers(1, 6), st.booleans())
@settings(max_examples=12, deadline=None, derandomize=True)
def test_one_sequence(both, steps, started):
    ours, theirs = both
    given = (random(steps, 2).requires_grad_(), *((state(ours),) if started else ()))
    assert_same(outcome(ours, *given), outcome(theirs, *given))


@given(layers(), st.lists(st.integers(1, 6), min_size=1, max_size=5), st.booleans())
@settings(max_examples=25, deadline=None, derandomize=True)
def test_packed_sequences_in_any_order(both, lengths, started):
    ours, theirs = both
    x = random(len(lengths), max(lengths), 2).requires_grad_()
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)

    class Packing(nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.layer = layer

        def forward(self, x, *hx):
            packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            output, last = self.layer(packed, *hx)
            return pad_packed_sequence(output)[0], last

    hx = (state(ours, len(lengths)),) if started else ()
    assert_same(outcome(Packing(ours), x, *hx), outcome(Packing(theirs), x, *hx))
    right, got = theirs(packed, *hx)[0], ours(packed, *hx)[0]
    for one, other in zip(got[1:], right[1:], strict=True):  # batch_sizes and both orders
        assert (one is None and other is None) or torch.equal(one, other)


@every_layer
def test_a_sorted_packed_sequence_has_no_order_of_its_own(name):
    ours, theirs = pair(name, 2, 3)
    packed = pack_padded_sequence(random(4, 3, 2), [4, 2, 1])
    assert ours(packed)[0].sorted_indices is None
    assert_same(tensors(ours(packed)), tensors(theirs(packed)))


@every_cell
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("grad", [True, False])
def test_one_step(name, bias, alone, grad):
    ours, theirs = pair(name, 2, 3, bias=bias)
    x, hx = (random(2), random(3)) if alone else (random(4, 2), random(4, 3))
    hx = (hx, 2 * hx) if name == "LSTMCell" else hx
    with torch.set_grad_enabled(grad):
        assert_same(tensors(ours(x, hx)), tensors(theirs(x, hx)))
        assert_same(tensors(ours(x)), tensors(theirs(x)))


@every_layer
def test_dropout_draws_the_same_numbers_from_the_same_seed(name):
    ours, theirs = pair(name, 2, 3, num_layers=2, dropout=0.4, bidirectional=True, batch_first=True)
    x = random(3, 5, 2).requires_grad_()
    torch.manual_seed(3)
    got = outcome(ours, x)
    torch.manual_seed(3)
    assert_same(got, outcome(theirs, x))


@every_layer
def test_dropout_rests_while_evaluating(name):
    ours, _ = pair(name, 2, 3, num_layers=2, dropout=0.5)
    ours.eval()
    assert torch.equal(ours(random(5, 3, 2))[0], ours(random(5, 3, 2))[0])


@every_layer
def test_gradients_flow_while_evaluating(name):
    ours, theirs = pair(name, 2, 3)
    x = random(4, 2, 2).requires_grad_()
    assert_same(outcome(ours.eval(), x), outcome(theirs.eval(), x))


@pytest.mark.parametrize("name", [*LAYERS, *CELLS])
def test_the_same_seed_gives_the_same_weights(name):
    ours, theirs = pair(name, 4, 5)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert all(torch.equal(ours.state_dict()[key], value) for key, value in theirs.state_dict().items())


@pytest.mark.parametrize("name", LAYERS)
def test_making_a_drop_in_draws_as_many_numbers_as_making_the_layer(name):
    torch.manual_seed(0)
    getattr(es.nn, name)(4, 5)(torch.randn(2, 1, 4))
    ours = torch.rand(1)
    torch.manual_seed(0)
    getattr(nn, name)(4, 5)(torch.randn(2, 1, 4))
    assert torch.equal(ours, torch.rand(1))


@pytest.mark.parametrize("name", [*LAYERS, *CELLS])
def test_weights_load_strictly_in_both_directions(name):
    kwargs = {"num_layers": 2, "bidirectional": True} if name in LAYERS else {}
    if name == "LSTM":
        kwargs["proj_size"] = 2
    ours, theirs = getattr(es.nn, name)(4, 5, **kwargs), getattr(nn, name)(4, 5, **kwargs)
    x = torch.randn(3, 4)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    assert_same(tensors(ours(x)), tensors(theirs(x)), 1e-6)  # float32
    ours = getattr(es.nn, name)(4, 5, **kwargs)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    assert_same(tensors(ours(x)), tensors(theirs(x)), 1e-6)


@every_layer
def test_it_looks_like_torchs_layer(name):
    ours, theirs = pair(name, 4, 5, 2, bidirectional=True)
    assert isinstance(ours, nn.RNNBase)
    assert repr(ours) == repr(theirs)
    assert [[w.shape for w in one] for one in ours.all_weights] == [
        [w.shape for w in one] for one in theirs.all_weights
    ]
    assert [name for name, _ in ours.named_modules()] == [""]
    assert ours.flatten_parameters() is None


@pytest.mark.parametrize("name", [*LAYERS, *CELLS])
@pytest.mark.parametrize("how", ["pickle", "deepcopy", "save"])
def test_copies_are_whole_and_apart(name, how):
    ours, _ = pair(name, 2, 3)
    x = random(4, 2)
    before = tensors(ours(x))  # what it keeps of a call is not copied
    other = copied(ours, how)
    assert_same(tensors(other(x)), before, 0)
    with torch.no_grad():
        next(other.parameters()).add_(1)
    assert_same(tensors(ours(x)), before, 0)
    assert not torch.equal(tensors(other(x))[0], before[0])


def copied(layer, how):
    if how == "pickle":
        return pickle.loads(pickle.dumps(layer))
    if how == "deepcopy":
        return copy.deepcopy(layer)
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@every_layer
def test_empty_batches(name):
    ours, theirs = pair(name, 2, 3, bidirectional=True)
    assert_same(tensors(ours(random(4, 0, 2))), tensors(theirs(random(4, 0, 2))))


@every_layer
def test_no_steps_leave_the_state(name):
    ours, _ = pair(name, 2, 3, 2, bidirectional=True)
    hx = state(ours, 4)
    output, last = ours(random(0, 4, 2), hx)
    assert output.shape == (0, 4, 6)
    assert_same(tensors(last), tensors(hx), 0)


@every_layer
def test_other_dtypes(name):
    ours, theirs = pair(name, 4, 8, dtype=torch.bfloat16)
    x = torch.randn(5, 3, 4, dtype=torch.bfloat16)
    got, right = ours(x), theirs(x)
    assert {value.dtype for value in tensors(got)} == {torch.bfloat16}
    assert_same(tensors(got), tensors(right), 0.05)  # bfloat16 has three digits; torch rounds after every operation


@every_layer
def test_autocast(name):
    ours, theirs = pair(name, 4, 8, dtype=torch.float32)
    x = torch.randn(5, 3, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got, right = tensors(ours(x)), tensors(theirs(x))
    assert_same([value.float() for value in got], [value.float() for value in right], 0.05)


@pytest.mark.parametrize("mode", ["LSTM", "GRU", "RNN"])
def test_dropout_between_layers_of_packed_sequences_draws_as_torch_does(mode):
    torch.manual_seed(0)
    ours = getattr(es.nn, mode)(5, 7, 2, bidirectional=True, dropout=0.5)
    theirs = getattr(torch.nn, mode)(5, 7, 2, bidirectional=True, dropout=0.5)
    theirs.load_state_dict(ours.state_dict())
    sequences = [torch.randn(n, 5) for n in (4, 9, 1, 6)]
    packed = torch.nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False)
    for seed in range(3):  # the first goes the long way, the others the short one
        found = []
        for layer in (ours, theirs):
            data = packed.data.clone().requires_grad_()
            torch.manual_seed(seed)
            y, last = layer(packed._replace(data=data))
            y.data.sin().sum().backward()
            found.append((y.data, last if isinstance(last, torch.Tensor) else last[1], data.grad))
        torch.testing.assert_close(*found, rtol=0, atol=2e-6)  # float32 rounds to 6e-8; 9 steps of 2 layers
