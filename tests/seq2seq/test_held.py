"""A search whose rows are held in streams finds what it finds with state and memory handed over at each step."""

from __future__ import annotations

from itertools import pairwise
from unittest import mock

import numpy as np
import pytest
import torch

from everystep.seq2seq import held
from everystep.seq2seq.search import Ensemble, Limits, Ranking, beam, force, sample
from everystep.seq2seq.search.model import Holder
from seq2seq.made import SHAPES, batch, model

CLOSE = {"rtol": 0, "atol": 1e-12}  # sums of some tens of numbers in another order, in float64
MANY = [0, 1, 2, 1, 0, 2, 2, 1, 0, 1]


class Anew:
    """A model that holds nothing."""

    def __init__(self, network):
        self.start, self.advance = network.start, network.advance


def alike(ours, right):
    assert ours.symbols.tolist() == right.symbols.tolist()
    assert ours.cut == right.cut
    torch.testing.assert_close(ours.steps, right.steps, **CLOSE)
    assert ours.score == pytest.approx(right.score, abs=1e-12)
    assert (ours.attention is None) == (right.attention is None)
    if right.attention is not None:
        torch.testing.assert_close(ours.attention, right.attention, **CLOSE)


def compare(network, search, rows=MANY):
    pairs = batch(rows)
    memory = network.encode(pairs.source, pairs.source_lengths)
    for ours, right in zip(
        *(search(one, memory, pairs.source_lengths) for one in (network, Anew(network))), strict=True
    ):
        assert len(ours) == len(right)
        for mine, other in zip(ours, right, strict=True):
            alike(mine, other)


def wide(network, memory, lengths, **limits):
    ranking = Ranking("average", coverage=0.1 * (memory.looked is not None))
    limits = Limits(**{"maximum": 14, **limits})
    return beam(network, memory, lengths, width=5, n_best=4, limits=limits, ranking=ranking)


@pytest.mark.parametrize("shape", SHAPES)
@torch.no_grad()
def test_a_beam_over_held_rows_is_a_beam(shape):
    network = model(3, **SHAPES[shape]).eval()
    assert isinstance(network, Holder)
    assert not isinstance(Anew(network), Holder)
    compare(network, wide)
    compare(network, wide, rows=[1])  # no wider stream than needed


@torch.no_grad()
def test_rows_narrow_as_sentences_end():
    lent = []

    def watched(self, state, looked):
        lent.append(len(state[0]))
        return begin(self, state, looked)

    begin = held.HeldRows._begin
    uneven = {"maximum": 30, "maximum_factor": 2.5}  # sources of 2, 3 and 6 symbols
    with mock.patch.object(held.HeldRows, "_begin", watched):
        compare(model(3).eval(), lambda *given: wide(*given, **uneven))
    assert lent[0] == 5 * len(MANY)
    assert len(lent) > 1
    assert all(2 * after <= before for before, after in pairwise(lent))


@torch.no_grad()
def test_other_searches_are_held_too():
    network, pairs = model(2, attention="general").eval(), batch(MANY)

    def drawn(one, memory, lengths):
        chance = torch.Generator().manual_seed(5)
        return sample(one, memory, lengths, samples=4, generator=chance, limits=Limits(maximum=9))

    def told(one, memory, lengths):
        outputs = [[5, 4, 7][: 1 + row % 3] for row in range(len(lengths))]
        return [[found] for found in force(one, memory, lengths, outputs)]

    def bound(one, memory, lengths):
        prefix = [[4, 6][: row % 3] for row in range(len(lengths))]
        return beam(one, memory, lengths, width=3, limits=Limits(minimum=2, maximum=8, block=2), prefix=prefix)

    for search in (drawn, told, bound):
        compare(network, search)
    assert pairs.source.shape[1] == len(MANY)


@torch.no_grad()
def test_an_ensemble_holds_the_rows_of_all_its_models():
    networks = [model(seed, attention="general").eval() for seed in (1, 2)]
    pairs = batch(MANY)
    memory = tuple(network.encode(pairs.source, pairs.source_lengths) for network in networks)
    mixed = Ensemble([networks[0], Anew(networks[1])])
    both, half, none = (
        beam(one, memory, pairs.source_lengths, width=5, n_best=3, limits=Limits(maximum=14))
        for one in (Ensemble(networks), mixed, Anew(Ensemble(networks)))
    )
    for ours, other, right in zip(both, half, none, strict=True):
        for mine, partly, found in zip(ours, other, right, strict=True):
            alike(mine, found)
            alike(partly, found)


@torch.no_grad()
def test_a_search_that_fails_leaves_no_stream_behind():
    network, pairs = model(attention="general").eval(), batch()
    memory = network.encode(pairs.source, pairs.source_lengths)
    with pytest.raises(IndexError), network.hold(memory, 3, 2) as rows:
        rows.keep(np.array([0]), np.array([9]))
    assert not network.decoder._streams._kept
    compare(network, wide)
