"""A decoder that goes on from what it said itself: one loop, compiled, and the same as step after step by hand."""

from __future__ import annotations

import pickle
from copy import deepcopy

import pytest
import torch

import everystep as es
from agreement import check_same, gradients
from everystep.engines.stepping import each_stream
from everystep.seq2seq.decoder import Forced
from everystep.seq2seq.listening import Hears
from everystep.text import BEGIN, END, PAD
from seq2seq.made import SHAPES, batch, model

MORE = {"tied": "all", "readout_embedding": True, "decoder_layers": 2, "dropout": 0.3}
# Float64 on both sides; sums run in another order.
TOLERANCE = 1e-11


def step_by_step(decoder, entering, memory, told):
    """Free running written out: what enters is chosen symbol by symbol."""
    like = torch.ones(*entering.shape, decoder.embedding.size, dtype=torch.float64)
    kept = decoder.dropout(like)
    x, context = decoder.cell.noised(like, memory.looked) if decoder.cell.draws else (like, memory.looked)
    state, features, entered, said = memory.start, [], [], entering[0]
    for t, truth in enumerate(entering):
        symbols = torch.where(told[t], truth, said) if t else truth
        entered.append(decoder.embedding(symbols) * kept[t])
        state, y = decoder.cell.step(state, at(x, t, entered[-1]), *(() if context is None else (context,)))
        features.append(y)
        said = decoder.readout(y, entered[-1]).argmax(-1)
    return Forced(torch.stack(features), torch.stack(entered), "by hand")


def at(x, t, entered):
    """One step of x, with what was drawn for it."""
    return entered if isinstance(x, torch.Tensor) else each_stream(lambda v: v[t], x)._replace(x=entered)


def found(network, pairs, run):
    """What a run of the decoder gives, and the gradient of every parameter, with the same draws."""
    torch.manual_seed(1)
    memory = network.encode(pairs.source, pairs.source_lengths, "reference")
    told = torch.rand(pairs.entering.shape) < 0.5
    forced = run(network.decoder, pairs.entering, memory, told)
    values = {"features": forced.features, "embedded": forced.embedded}
    return values | gradients(values, dict(network.named_parameters())), forced.engine


def on(engine):
    return lambda decoder, *given: decoder.sampled(*given, engine=engine)


@pytest.mark.parametrize("more", [{}, MORE], ids=["plain", "tied, deep, dropped"])
@pytest.mark.parametrize("shape", SHAPES)
def test_one_loop_goes_on_from_what_it_says_as_step_after_step_does(shape, more):
    network, pairs = model(**SHAPES[shape], **more), batch()
    by_hand, _ = found(network, pairs, step_by_step)
    check_same(found(network, pairs, on("reference"))[0], by_hand, TOLERANCE)


@pytest.mark.parametrize("more", [{}, MORE], ids=["plain", "tied, deep, dropped"])
@pytest.mark.parametrize("shape", ["none", "after, fed", "before"])
def test_the_loop_is_compiled_and_agrees(shape, more):
    network, pairs = model(**SHAPES[shape], **more), batch()
    by_hand, _ = found(network, pairs, step_by_step)
    compiled, engine = found(network, pairs, on("auto"))
    assert engine == "llvm"
    check_same(compiled, by_hand, TOLERANCE)


def test_a_wrong_choice_or_a_wrong_coin_would_be_seen():
    network, pairs = model(), batch()
    right, _ = found(network, pairs, on("reference"))
    always, _ = found(network, pairs, lambda d, e, m, told: d.sampled(e, m, told | True, engine="reference"))
    late, _ = found(network, pairs, lambda d, e, m, told: d.sampled(e, m, told.roll(1, 0), engine="reference"))
    for wrong in (always, late):
        assert not torch.allclose(wrong["features"], right["features"])


def test_the_loss_with_some_truth_runs_compiled_for_the_lengths_that_there_are():
    network, pairs = model(attention="additive", input_feeding=True), batch()
    forced = network.forced(pairs, truth=0.5)
    assert forced.engine == "llvm"
    past = torch.arange(5).unsqueeze(1) >= pairs.target_lengths
    assert not forced.features[past].any()
    torch.manual_seed(0)
    loss = network.loss(pairs, 0.5)
    torch.manual_seed(0)
    with es.use_engine("reference"):
        torch.testing.assert_close(network.loss(pairs, 0.5), loss, rtol=0, atol=1e-12)


def test_what_runs_freely_is_explained():
    why = es.explain(model(**SHAPES["none"]).eval().decoder.listening)
    assert why.engine == "llvm"
    assert "entered = where(0 < told, x, said)" in why.step
    assert "symbol = argmax(readout.c + layer0_h' @ readout.V.T)" in why.step
    assert "said' = embedding.E[symbol] * 2.23607" in why.step  # √5


def test_it_may_be_unrolled_by_itself():
    decoder, symbols = model(**SHAPES["none"]).eval().decoder, batch().entering
    told = torch.zeros(*symbols.shape, 1, dtype=torch.float64)
    told[0] = 1
    out = es.unroll(decoder.listening, Hears(decoder.embedding(symbols), told), record=["symbol", "entered"])
    assert torch.equal(decoder.embedding(out.record["symbol"][:-1]), out.record["entered"][1:])
    assert torch.equal(out.state.said, decoder.embedding(out.record["symbol"][-1]))


def test_a_decoder_that_ran_freely_is_saved_and_copied_as_before():
    network, pairs = model(), batch()
    names = list(network.state_dict())
    with es.use_engine("reference"):
        loss = network.loss(pairs, 0.0)
        assert list(network.state_dict()) == names
        for copy in (deepcopy(network), pickle.loads(pickle.dumps(network))):
            assert copy.decoder.listening.cell is copy.decoder.cell
            assert copy.decoder.listening.embedding is copy.decoder.embedding
            torch.testing.assert_close(copy.loss(pairs, 0.0), loss, rtol=0, atol=1e-12)


@pytest.mark.parametrize("most", [0, 1, 8, 19])
@pytest.mark.parametrize(("shape", "seed"), [("none", 0), ("before, fed", 2)])  # some end, others never do
def test_greedy_search_says_what_single_steps_say(shape, seed, most):
    network, pairs = model(seed, **SHAPES[shape]).eval(), batch([0, 1, 2, 0])
    memory = network.encode(pairs.source, pairs.source_lengths)
    state, symbols, expected = network.start(memory), torch.full((4,), BEGIN), []
    for _ in range(most):
        scores, state, _ = network.advance(state, symbols, memory)
        symbols = scores.argmax(-1)
        expected.append(symbols)
    said, lengths = network.greedy(pairs.source, pairs.source_lengths, most)
    assert len(said) == max([0, *lengths.tolist()])
    assert most <= 8 or len(set(lengths.tolist())) > 1
    for row, length in enumerate(lengths.tolist()):
        by_hand = [symbols[row].item() for symbols in expected]
        assert length == (by_hand.index(END) + 1 if END in by_hand else most)
        assert said[:length, row].tolist() == by_hand[:length]
        assert (said[length:, row] == PAD).all()


@pytest.mark.filterwarnings("ignore")  # torch's own, where its graph breaks
@pytest.mark.parametrize("shape", ["none", "before, fed"])
def test_torch_compile_takes_a_loss_with_some_truth(shape):
    network, pairs = model(**SHAPES[shape]), batch()
    torch.manual_seed(0)
    expected = network.loss(pairs, 0.5)
    torch.manual_seed(0)
    found = torch.compile(network, backend="aot_eager")(pairs, 0.5)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
