"""Attention that remembers is its equation over steps, in and out of the compiled loop, and in a search."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import everystep as es
from everystep.errors import ArgumentError, StateError
from everystep.seq2seq import AttendAfter, AttendBefore, Coverage, Location, Monotonic, Stacked, search
from everystep.seq2seq.remembering import Remembering
from everystep.text import END
from seq2seq.made import batch, model

POSITIONS, STEPS, SIZE = 11, 5, 4
LENGTHS = torch.tensor([11, 1, 6])
ROWS = len(LENGTHS)
EXACT = {"rtol": 0, "atol": 1e-13}  # a few hundred roundings of 1.1e-16
KINDS = [Location, Coverage, Monotonic]
NAMES = ["location", "coverage", "monotonic"]


def memory_and_queries():
    torch.manual_seed(1)
    return torch.randn(POSITIONS, ROWS, SIZE).double(), torch.randn(STEPS, ROWS, SIZE).double()


def of_kind(kind) -> Remembering:
    torch.manual_seed(2)
    attention = kind(SIZE, SIZE, 3).double()
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))  # biases of zero hide what forgets them
    return attention


def attended(attention, queries, looked):
    """Ask one query after another: the vectors and the weights."""
    seen, found = attention.start(torch.zeros(looked.mask.shape, dtype=torch.float64)), []
    for query in queries:
        vector, weights = attention(query, *looked, seen)
        seen = attention.after(seen, weights)
        found.append((vector, weights))
    return tuple(torch.stack(each) for each in zip(*found, strict=True))


def by_hand(attention, queries, memory):
    """The same for one row without padding: numpy, one position after another."""
    given = {name: parameter.detach().numpy() for name, parameter in attention.named_parameters()}
    places, before, total, found = len(memory), np.zeros(len(memory)), np.zeros(len(memory)), []
    if isinstance(attention, Monotonic):
        before[0] = 1
    for query in queries:
        scores = [
            given["v"][0] @ np.tanh(hidden(attention, given, query, memory, before, total, s)) for s in range(places)
        ]
        if isinstance(attention, Monotonic):
            weights = walked(given["g"] * np.array(scores) / np.linalg.norm(given["v"]) + given["r"], before)
        else:
            weights = np.exp(scores) / np.exp(scores).sum()
        before, total = weights, total + weights
        found.append((weights @ memory, weights))
    return found


def hidden(attention, given, query, memory, before, total, s):
    inside = given["W"] @ query + given["U"] @ memory[s] + given["b"]
    if isinstance(attention, Coverage):
        inside = inside + given["l"][:, 0] * total[s]
    if isinstance(attention, Location):
        for d in range(-2, 3):
            if 0 <= s + d < len(memory):
                inside = inside + given["L"][:, d + 2] * before[s + d]
    return inside


def walked(scores, before):
    """Raffel et al. (2017), equation 9: every position where it was, then every one that was passed since."""
    stop = 1 / (1 + np.exp(-scores))
    stop[-1] = 1
    return np.array(
        [stop[s] * sum(before[k] * np.prod(1 - stop[k:s]) for k in range(s + 1)) for s in range(len(before))]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_and_weights_are_the_equation_by_hand_for_each_row_over_steps(kind):
    attention, (memory, queries) = of_kind(kind), memory_and_queries()
    vectors, weights = attended(attention, queries, attention.look(memory, LENGTHS))
    for row, length in enumerate(LENGTHS.tolist()):
        for t, (vector, shares) in enumerate(by_hand(attention, queries[:, row].numpy(), memory[:length, row].numpy())):
            torch.testing.assert_close(vectors[t, row], torch.from_numpy(vector), **EXACT)
            torch.testing.assert_close(weights[t, row, :length], torch.from_numpy(shares), **EXACT)
            assert not weights[t, row, length:].any()


@pytest.mark.parametrize("kind", KINDS)
def test_padding_of_nan_changes_no_vector_and_no_gradient(kind):
    attention, (memory, queries) = of_kind(kind), memory_and_queries()
    within = (torch.arange(POSITIONS).unsqueeze(1) < LENGTHS).unsqueeze(2)
    found = []
    for padding in (0.0, math.nan):
        leaf = torch.where(within, memory, padding).requires_grad_()
        vectors, _ = attended(attention, queries, attention.look(leaf, LENGTHS))
        found.append((vectors, *torch.autograd.grad(vectors.square().sum(), [leaf, *attention.parameters()])))
    for clean, padded in zip(*found, strict=True):
        assert torch.equal(clean, padded)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_shares_and_monotonic_ones_never_go_back(kind):
    attention, (memory, queries) = of_kind(kind), memory_and_queries()
    _, weights = attended(attention, queries, attention.look(memory, LENGTHS))
    torch.testing.assert_close(weights.sum(-1), torch.ones(STEPS, ROWS).double(), **EXACT)
    if kind is Monotonic:
        reached = weights.cumsum(-1)  # the probability to have stopped up to a position
        assert (reached.diff(dim=0) < 1e-15).all()


def test_monotonic_attention_keeps_its_gradient_over_positions_that_stop_for_sure():
    attention, (memory, queries) = of_kind(Monotonic), memory_and_queries()
    for way in (-1, 1):
        with torch.no_grad():
            attention.get_parameter("r").fill_(800.0 * way)  # p is 0 or 1 in float64
        vectors, weights = attended(attention, queries, attention.look(memory, LENGTHS))
        gradients = torch.autograd.grad(vectors.square().sum(), list(attention.parameters()))
        assert all(gradient.isfinite().all() for gradient in gradients)
        place = LENGTHS - 1 if way < 0 else torch.zeros(ROWS, dtype=torch.int64)
        assert torch.equal(weights.argmax(-1), place.expand(STEPS, ROWS))


@pytest.mark.parametrize(
    ("kind", "around"), [(Location, AttendBefore), (Coverage, AttendAfter), (Monotonic, AttendBefore)]
)
def test_engines_agree_on_the_cell_and_every_gradient_over_ragged_steps(kind, around):
    attention, (memory, x) = of_kind(kind), memory_and_queries()
    cell = around(Stacked(es.cells.GRU(SIZE * (1 + (around is AttendBefore)), SIZE)), attention).double()
    found = []
    for engine in ("reference", "llvm"):
        leaves = [memory.clone().requires_grad_(), x.clone().requires_grad_()]
        looked = attention.look(leaves[0], LENGTHS)
        out = es.unroll(cell, leaves[1], context=looked, lengths=[5, 2, 4], record=["attention"], engine=engine)
        assert out.engine == engine
        loss = out.y.square().sum() + out.state.seen.square().sum()
        found.append((out.y, out.record["attention"], *torch.autograd.grad(loss, [*leaves, *cell.parameters()])))
    for reference, compiled in zip(*found, strict=True):
        torch.testing.assert_close(compiled, reference, rtol=0, atol=1e-12)  # sums in another order


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_remembers_runs_compiled_unless_something_else_is_asked_for(name):
    network, pairs = model(attention=name, dropout=0.2), batch()
    assert network.forced(pairs).engine == "llvm"


@pytest.mark.parametrize("name", NAMES)
def test_a_beam_carries_what_each_hypothesis_has_seen(name):
    network, pairs = model(attention=name, attend="before").eval(), batch()
    memory = network.encode(pairs.source, pairs.source_lengths)
    found = search.beam(network, memory, pairs.source_lengths, width=3, n_best=3, limits=search.Limits(maximum=6))
    for row, hypotheses in enumerate(found):
        for said in hypotheses:  # told what a hypothesis says, the model gives it the same probability
            state, total = network.start(one := es.layers.select(memory, [row])), 0.0
            for before, symbol in zip([2, *said.symbols], [*said.symbols, END], strict=True):
                scores, state, _ = network.advance(state, torch.tensor([before]), one)
                total += scores[0, symbol].item()
            assert total == pytest.approx(said.log_probability, abs=1e-12)  # some ten roundings


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_remembers_is_loaded_as_it_was_saved(name, tmp_path):
    network, pairs = model(attention=name), batch()
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    other = model(seed=1, attention=name)
    other.load_state_dict(torch.load(tmp_path / "weights.pt"))
    with es.use_engine("reference"):  # compiling costs a second
        assert torch.equal(other.eval().score(pairs), network.eval().score(pairs))


def test_coverage_is_all_that_was_looked_at():
    network, pairs = model(attention="coverage").eval(), batch()
    memory = network.encode(pairs.source, pairs.source_lengths)
    state, weights = network.start(memory), []
    for symbols in pairs.entering:
        _, state, looked = network.advance(state, symbols, memory)
        weights.append(looked)
    torch.testing.assert_close(state.seen, torch.stack(weights).sum(0), **EXACT)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ArgumentError, match="width is 4; expected an odd number, such as 5"):
        Location(4, 4, width=4)
    cell = AttendAfter(Stacked(es.cells.GRU(4, 4)), Location(4, 4))
    with pytest.raises(StateError, match=r"state part seen is as long as context\.mask, which was not given"):
        es.unroll(cell, torch.zeros(2, 3, 4))
