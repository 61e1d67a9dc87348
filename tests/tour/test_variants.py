"""N8's tasks are what they say, and its figures can fail."""

from __future__ import annotations

import pytest
import torch

from everystep.text import Padded
from everystep.tour.bidirectional import OneStepLate, TwoDirections, neighbours
from everystep.tour.reversal import BOUNDARY, SKIPPED, draw_pairs, is_held_back
from everystep.tour.seq2seq import as_batch, encoder_decoder, train, whole_sequences


def test_the_target_is_the_sum_of_both_neighbours():
    x, y = neighbours(3, torch.Generator().manual_seed(0), steps=5)
    assert torch.equal(y[0], x[1])
    assert torch.equal(y[2], x[1] + x[3])
    assert torch.equal(y[4], x[3])


@pytest.mark.parametrize("model", [TwoDirections, OneStepLate])
def test_a_register_of_neighbours_written_by_hand_is_exact(model):
    network = model().double()
    x, y = neighbours(4, torch.Generator().manual_seed(0), steps=6)
    with torch.no_grad():
        for system in network.children():
            size = system.W.shape[0]
            system.W.copy_(torch.eye(size).roll(1, 0).tril())
            system.U.copy_(torch.eye(size)[:, :1])
            system.V.copy_(torch.tensor([[0.0, 1.0]] if size == 2 else [[1.0, 0.0, 1.0]]))
        assert torch.equal(network(x), y)


def test_no_sequence_is_both_trained_on_and_held_back():
    generator = torch.Generator().manual_seed(0)
    seen = [_sequences(draw_pairs(3, 4, 30_000, generator, held_back=kind)) for kind in (False, True)]
    assert not seen[0] & seen[1]
    assert len(seen[0] | seen[1]) > 8_000  # most of the 11,000 sequences of 3 and 4 symbols came up


def test_about_one_sequence_in_ten_is_held_back_at_every_length():
    for length in range(3, 13):
        source = torch.randint(0, 10, (length, 20_000), generator=torch.Generator().manual_seed(length))
        share = is_held_back(source, torch.full((20_000,), length)).double().mean().item()
        assert 0.05 < share < 0.15


def test_what_lies_past_the_end_does_not_decide_where_a_sequence_belongs():
    source = torch.randint(0, 10, (8, 500), generator=torch.Generator().manual_seed(0))
    lengths = torch.randint(3, 7, (500,), generator=torch.Generator().manual_seed(1))
    other = source.clone()
    other[6:] = 9 - other[6:]
    assert torch.equal(is_held_back(source, lengths), is_held_back(other, lengths))


def test_the_target_is_the_reversal_then_the_end_then_nothing():
    pairs = draw_pairs(3, 6, 50, torch.Generator().manual_seed(0), held_back=False)
    for row, length in enumerate(pairs.lengths.tolist()):
        read, said = pairs.source[:length, row].tolist(), pairs.target[:, row].tolist()
        assert said == [*read[::-1], BOUNDARY, *[SKIPPED] * (6 - length)]


def test_an_untrained_network_reverses_nothing():
    torch.manual_seed(0)
    pairs = draw_pairs(3, 8, 2000, torch.Generator().manual_seed(0), held_back=True)
    assert whole_sequences(encoder_decoder(), pairs).double().mean() < 0.01


def test_a_missing_end_counts_as_a_mistake():
    pairs = draw_pairs(3, 3, 200, torch.Generator().manual_seed(0), held_back=True)

    class Endless:
        def greedy(self, source, lengths, most):
            said = as_batch(pairs).target.clone()
            said[3] = 4
            return Padded(said, lengths)

    assert not whole_sequences(Endless(), pairs).any()


def test_training_brings_the_loss_down_at_once():
    pairs = draw_pairs(3, 8, 3000, torch.Generator().manual_seed(5), held_back=True)
    before, after = (
        network.loss(as_batch(pairs)).item() for network in (train(seed=1, steps=1), train(seed=1, steps=30))
    )
    assert after < 0.8 * before


def _sequences(pairs):
    return {tuple(pairs.source[:n, row].tolist()) for row, n in enumerate(pairs.lengths.tolist())}
