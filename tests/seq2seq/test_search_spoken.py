"""A model that goes on from what it says by itself says what a search finds, and refuses what that refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from everystep.errors import ArgumentError, NonFiniteError
from everystep.seq2seq.search import Limits, Ranking, greedy
from everystep.seq2seq.search.limits import Bounds
from everystep.seq2seq.search.spoken import Speaker, spoken
from everystep.text import END, PAD
from seq2seq.made import SHAPES, batch, model

CLOSE = {"rtol": 0, "atol": 1e-12}  # sums of some tens of numbers in another order, in float64


class Searched:
    """A model that does not speak."""

    def __init__(self, network):
        self.start, self.advance = network.start, network.advance


def both(network, **settings):
    pairs = batch([0, 1, 2, 0])
    memory = network.encode(pairs.source, pairs.source_lengths)
    found = [greedy(one, memory, pairs.source_lengths, **settings) for one in (network, Searched(network))]
    assert isinstance(network, Speaker)
    assert not isinstance(Searched(network), Speaker)
    return zip(*found, strict=True)


LIMITS = {
    "usual": Limits(),
    "short": Limits(maximum=2),
    "nothing": Limits(maximum=0),
    "by the source": Limits(maximum_factor=0.7),
    "some are closed": Limits(maximum=12, forbidden=(PAD, 4, 7, 8)),
    "none is closed": Limits(maximum=12, forbidden=()),
    "not too short": Limits(minimum=3, maximum=9),
    "none twice": Limits(block=1, maximum=9),
}


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("shape", SHAPES)
@torch.no_grad()
def test_what_is_spoken_is_what_is_searched(shape, limits):
    ranking = Ranking("gnmt", 0.7, coverage=0.2 * (SHAPES[shape]["attention"] != "none"))
    for ours, right in both(model(3, **SHAPES[shape]).eval(), limits=LIMITS[limits], ranking=ranking):
        assert ours.symbols.tolist() == right.symbols.tolist()
        assert ours.symbols.dtype == right.symbols.dtype
        assert ours.cut == right.cut
        torch.testing.assert_close(ours.steps, right.steps, **CLOSE)
        assert ours.log_probability == pytest.approx(right.log_probability, abs=1e-12)
        assert ours.score == pytest.approx(right.score, abs=1e-12)
        if right.attention is not None:
            torch.testing.assert_close(ours.attention, right.attention, **CLOSE)


@torch.no_grad()
def test_limits_are_met_and_the_cut_is_told():
    outputs = [ours for ours, _ in both(model(3).eval(), limits=Limits(maximum=2, forbidden=(END + 1, END + 2)))]
    assert {len(one.symbols) for one in outputs} >= {2}
    assert all(len(one.symbols) <= 2 and len(one.steps) == len(one.symbols) + 1 for one in outputs)
    assert all(one.cut == (len(one.symbols) == 2) for one in outputs)
    assert not any(symbol in {END + 1, END + 2} for one in outputs for symbol in one.symbols.tolist())


@torch.no_grad()
def test_what_a_search_refuses_is_refused():
    network, pairs = model().eval(), batch()
    memory = network.encode(pairs.source, pairs.source_lengths)
    network.decoder.readout.c[END] = -torch.inf
    with pytest.raises(ArgumentError, match="no output"):
        greedy(network, memory, pairs.source_lengths, limits=Limits(maximum=3))
    network.decoder.readout.c.fill_(torch.nan)
    with pytest.raises(NonFiniteError, match="NaN"):
        greedy(network, memory, pairs.source_lengths)


def test_it_speaks_only_where_weights_may_be_kept():
    network, pairs = model().eval(), batch()
    memory = network.encode(pairs.source, pairs.source_lengths)
    most = np.full(3, 4)
    assert network.speak(memory, (), most) is None  # gradients are on
    with torch.no_grad():
        assert network.speak(memory, (), most).symbols.shape[1] == 3
        sources = pairs.source_lengths.numpy()
        assert len(spoken(network, memory, sources, Bounds.of(Limits(), sources, None), Ranking())) == 3
        assert network.train().speak(memory, (), most) is None
        no_source = np.zeros(0, dtype=np.int64)
        assert spoken(network, memory, no_source, Bounds.of(Limits(), no_source, None), Ranking()) is None
