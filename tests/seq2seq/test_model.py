"""An encoder-decoder scores, searches and learns one and the same thing."""

from __future__ import annotations

import pickle
from copy import deepcopy

import pytest
import torch
from torch.nn import functional as F

import everystep as es
from everystep.errors import ArgumentError, DTypeError, ShapeError
from everystep.text import BEGIN, END, PAD
from seq2seq.made import SHAPES, batch, forced_scores, model

ROUNDING = {"rtol": 0, "atol": 1e-12}  # batches of other sizes round differently: some hundred times 1.1e-16
EVERY_SHAPE = pytest.mark.parametrize("shape", SHAPES)


@pytest.fixture(autouse=True)
def plain_loop():
    with es.use_engine("reference"):  # compiling each shape costs a second; the engines are compared below
        yield


@EVERY_SHAPE
@pytest.mark.parametrize("layers", [1, 2])
def test_steps_of_a_search_add_up_to_the_score_under_teacher_forcing(shape, layers):
    network, pairs = model(**SHAPES[shape], decoder_layers=layers, readout_embedding=layers == 2).eval(), batch()
    torch.testing.assert_close(forced_scores(network, pairs), network.score(pairs), **ROUNDING)


@EVERY_SHAPE
def test_a_batch_scores_as_its_pairs_do_one_by_one_and_in_any_order(shape):
    network, together = model(**SHAPES[shape]).eval(), batch()
    scores = network.score(together)
    for row in range(3):
        torch.testing.assert_close(network.score(batch([row]))[0], scores[row], **ROUNDING)
    torch.testing.assert_close(network.score(batch([2, 0, 1])), scores[[2, 0, 1]], **ROUNDING)


@pytest.mark.parametrize("shape", ["none", "before"])
def test_many_rows_of_a_search_take_the_steps_that_few_take(shape):
    network, few = model(**SHAPES[shape], cell="lstm").eval(), batch()
    many = batch([0, 1, 2] * 11)
    found = []
    for pairs in (few, many):
        memory = network.encode(pairs.source, pairs.source_lengths)
        with es.use_engine("llvm"):
            found.append(network.advance(network.start(memory), pairs.entering[0], memory))
    (scores, state, weights), (again, after, other) = found
    torch.testing.assert_close(again[:3], scores, **ROUNDING)
    torch.testing.assert_close(tuple(part[:3] for part in after), tuple(state), **ROUNDING)
    assert (weights is None) == (other is None) == (shape == "none")
    if weights is not None:
        torch.testing.assert_close(other[:3], weights, **ROUNDING)


def test_the_loss_is_the_mean_over_symbols_of_the_scores():
    network, pairs = model().eval(), batch()
    expected = -network.score(pairs).sum() / pairs.target_lengths.sum()
    torch.testing.assert_close(network.loss(pairs), expected, **ROUNDING)


def test_what_lies_in_padding_changes_neither_loss_nor_gradient():
    network, pairs = model(attention="additive", attend="before"), batch()
    noisy = pairs._replace(
        source=pairs.source.masked_fill(torch.arange(6).unsqueeze(1) >= pairs.source_lengths, 7),
        target=pairs.target.masked_fill(torch.arange(5).unsqueeze(1) >= pairs.target_lengths, 7),
    )
    found = []
    for each in (pairs, noisy):
        loss = network.loss(each)
        found.append([loss, *torch.autograd.grad(loss, list(network.parameters()))])
    for clean, padded in zip(*found, strict=True):
        torch.testing.assert_close(clean, padded, **ROUNDING)


@EVERY_SHAPE
def test_gradients_of_the_loss_are_those_of_small_differences(shape):
    sizes = {"embedding": 2, "hidden": 4 if "dot" in str(SHAPES[shape]) else 2, "bridge": "learned"}
    network, pairs = model(**SHAPES[shape], **sizes), batch([0, 1])
    names = [name for name, _ in network.named_parameters()]

    def loss(*values):
        return torch.func.functional_call(network, dict(zip(names, values, strict=True)), (pairs,))

    assert torch.autograd.gradcheck(loss, tuple(network.parameters()), fast_mode=True)


@EVERY_SHAPE
def test_always_telling_the_truth_step_by_step_is_teacher_forcing(shape):
    network, pairs = model(**SHAPES[shape]), batch()
    memory = network.encode(pairs.source, pairs.source_lengths)
    told = torch.ones_like(pairs.target, dtype=torch.bool)
    stepwise = network.decoder.sampled(pairs.entering, memory, told).features
    at_once = network.forced(pairs).features
    within = torch.arange(5).unsqueeze(1) < pairs.target_lengths
    torch.testing.assert_close(stepwise[within], at_once[within], **ROUNDING)


def test_never_telling_the_truth_is_running_freely():
    network, pairs = model(attention="additive", input_feeding=True).eval(), batch()
    memory = network.encode(pairs.source, pairs.source_lengths)
    free = network.forced(pairs, truth=0.0)
    said = network.decoder.readout(free.features, free.embedded).argmax(-1)
    state, symbols = network.start(memory), torch.full((3,), BEGIN)
    for t in range(5):
        scores, state, _ = network.advance(state, symbols, memory)
        symbols = scores.argmax(-1)
        going = t < pairs.target_lengths
        assert torch.equal(symbols[going], said[t][going])


def test_a_truth_between_mixes_both_and_gradients_reach_every_parameter():
    torch.manual_seed(0)
    network, pairs = model(attention="additive", input_feeding=True), batch()
    told, mixed, free = (network.loss(pairs, truth) for truth in (1.0, 0.7, 0.0))
    assert len({loss.item() for loss in (told, mixed, free)}) == 3
    mixed.backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    with pytest.raises(ArgumentError, match=r"truth is 1\.5; expected a probability"):
        network.loss(pairs, 1.5)


def test_what_is_drawn_in_a_stack_is_the_same_for_all_steps_however_they_are_taken():
    network, pairs = model(attention="additive", input_feeding=True, decoder_layers=2, dropout=0.5), batch()
    memory = network.encode(pairs.source, pairs.source_lengths)
    network.decoder.dropout.eval()  # what is drawn anew at each step comes in another order
    network.decoder.embedding.eval()
    torch.manual_seed(3)
    at_once = network.decoder.over(pairs.entering, memory, torch.tensor([5, 5, 5])).features
    torch.manual_seed(3)
    told = torch.ones_like(pairs.target, dtype=torch.bool)
    stepwise = network.decoder.sampled(pairs.entering, memory, told).features
    torch.testing.assert_close(stepwise, at_once, **ROUNDING)
    torch.manual_seed(4)
    other = network.decoder.over(pairs.entering, memory, torch.tensor([5, 5, 5])).features
    assert not torch.equal(other, at_once)


def test_label_smoothing_and_dropout_are_for_training_only():
    network, pairs = model(label_smoothing=0.1, dropout=0.3, word_dropout=0.3), batch()
    network.eval()
    assert torch.equal(network.loss(pairs), network.loss(pairs))
    expected = -network.score(pairs).sum() / pairs.target_lengths.sum()
    torch.testing.assert_close(network.loss(pairs), expected, **ROUNDING)
    network.train()
    assert not torch.equal(network.loss(pairs), network.loss(pairs))


def test_label_smoothing_is_its_equation():
    network, pairs = model(label_smoothing=0.1), batch([2])
    plain = model().loss(pairs)
    forced = network.forced(pairs)
    logs = F.log_softmax(network.decoder.readout(forced.features, forced.embedded), dim=-1)
    torch.testing.assert_close(network.loss(pairs), 0.9 * plain - 0.1 * logs.mean(), **ROUNDING)


@pytest.mark.parametrize("tied", ["none", "target", "all"])
def test_tied_embeddings_are_one_parameter(tied):
    network = model(tied=tied, readout_embedding=True)
    weights = network.encoder.embedding.E, network.decoder.embedding.E, network.decoder.readout.V
    assert len({id(weight) for weight in weights}) == {"none": 3, "target": 2, "all": 1}[tied]
    network.loss(batch()).backward()
    assert all(weight.grad is not None for weight in weights)


@pytest.mark.parametrize("shape", ["after", "before, fed"])
def test_alignments_are_shares_of_the_source_at_every_step(shape):
    pairs = batch()
    weights = model(**SHAPES[shape]).eval().alignments(pairs)
    assert weights.shape == (5, 3, 6)
    torch.testing.assert_close(weights.sum(-1), torch.ones(5, 3).double(), **ROUNDING)
    assert not weights[:, torch.arange(6) >= pairs.source_lengths.unsqueeze(1)].any()
    with pytest.raises(ArgumentError, match="without attention"):
        model(**SHAPES["none"]).alignments(pairs)


def test_greedy_search_stops_at_the_end_and_pads_after_it():
    network, pairs = model().eval(), batch()
    said, lengths = network.greedy(pairs.source, pairs.source_lengths, most=7)
    assert said.shape[0] <= 7
    for row, length in enumerate(lengths.tolist()):
        assert (said[length:, row] == PAD).all()
        assert said[length - 1, row] == END or length == 7
        assert (said[: length - 1, row] != END).all()


def test_a_memory_and_its_states_are_taken_by_rows():
    network, pairs = model(attention="additive", attend="before", cell="lstm").eval(), batch()
    memory = network.encode(pairs.source, pairs.source_lengths)
    scores, state, weights = network.advance(network.start(memory), pairs.entering[0], memory)
    picked = es.layers.select(memory, [2, 2, 0])
    again, after, _ = network.advance(network.start(picked), pairs.entering[0], picked)
    torch.testing.assert_close(again, scores[[2, 2, 0]], **ROUNDING)
    torch.testing.assert_close(after.layer0_c, es.layers.select(state, [2, 2, 0]).layer0_c, **ROUNDING)
    assert weights is not None
    assert not weights[1, 2:].any()


@pytest.mark.parametrize("shape", ["none", "after", "before", "none, fed"])
def test_engines_agree_on_the_loss_and_every_gradient(shape):
    network, pairs = model(**SHAPES[shape], cell="lstm"), batch()
    found = []
    for engine in ("reference", "llvm"):
        forced = network.forced(pairs, engine=engine)
        assert forced.engine == engine
        loss = network.decoder.readout(forced.features, forced.embedded).square().mean()
        found.append([loss, *torch.autograd.grad(loss, list(network.parameters()))])
    for reference, compiled in zip(*found, strict=True):
        torch.testing.assert_close(compiled, reference, **ROUNDING)


def test_any_cell_of_the_registry_encodes_and_decodes():
    pairs = batch()
    for cell in es.cells.CELLS:
        for shape in ("after, fed", "before"):
            network = model(cell=cell, **SHAPES[shape])
            network.loss(pairs).backward()
            assert all(p.grad is not None and p.grad.isfinite().all() for p in network.decoder.parameters()), cell


def test_a_model_is_copied_and_pickled_with_its_states():
    network, pairs = model(attention="additive", input_feeding=True, dropout=0.2, decoder_layers=2).eval(), batch()
    scores = network.score(pairs)
    assert torch.equal(deepcopy(network).score(pairs), scores)
    assert torch.equal(pickle.loads(pickle.dumps(network)).score(pairs), scores)
    memory = network.encode(pairs.source, pairs.source_lengths)
    again = pickle.loads(pickle.dumps(memory.start))
    assert type(again) is type(memory.start)
    assert torch.equal(again.layer1_h, memory.start.layer1_h)


def test_symbols_and_lengths_out_of_range_are_refused():
    network, pairs = model(), batch()
    with pytest.raises(ArgumentError, match="source holds symbols 0 to 9; expected 0 to 8"):
        network.loss(pairs._replace(source=pairs.source + (pairs.source == 8)))
    with pytest.raises(ArgumentError, match="target lengths are 2 to 6; expected 0 to 5"):
        network.loss(pairs._replace(target_lengths=torch.tensor([3, 6, 2])))
    with pytest.raises(DTypeError, match="expected int64 symbols"):
        network.encode(pairs.source.float(), pairs.source_lengths)
    with pytest.raises(ShapeError, match=r"its lengths \(2,\)"):
        network.encode(pairs.source, pairs.source_lengths[:2])


@EVERY_SHAPE
def test_nothing_to_read_and_nothing_to_say_are_allowed(shape):
    network = model(**SHAPES[shape])
    empty = torch.zeros(0, 2, dtype=torch.int64)
    none = torch.zeros(2, dtype=torch.int64)
    pairs = batch([0, 1])
    unread = pairs._replace(source=empty, source_lengths=none)
    network.loss(unread).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())
    assert network.loss(pairs._replace(target=empty, target_lengths=none)).item() == 0
    assert network.loss(pairs._replace(target=empty, target_lengths=none), truth=0.5).item() == 0
    assert network.greedy(pairs.source[:, :0], none[:0], most=3).numbers.shape[1] == 0
    one_unread = pairs._replace(source_lengths=torch.tensor([3, 0]))
    alone = network.eval().score(batch([0]))
    torch.testing.assert_close(network.score(one_unread)[0], alone[0], **ROUNDING)
