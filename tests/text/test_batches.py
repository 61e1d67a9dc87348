"""Batches by number of symbols: every pair once an epoch, the same bits whoever asks, resumable."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from everystep.errors import ArgumentError, DataError
from everystep.text import (
    BEGIN,
    END,
    PAD,
    Pairs,
    TokenBatches,
    encode_pairs,
    in_groups,
    learn,
    pad,
    read_parallel,
    shift,
)
from everystep.text.groups import bucket
from everystep.train import Run, Settings, train

LENGTHS = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=80)


def pairs_of(lengths: list[tuple[int, int]]) -> Pairs:
    sides = [
        tuple(np.array([4 + number] * (pair[side] - 1) + [END], dtype=np.int32) for number, pair in enumerate(lengths))
        for side in (0, 1)
    ]
    return Pairs(*sides, "a.en + a.de", "line", tuple(range(1, len(lengths) + 1)))


def many(count: int = 400) -> Pairs:
    chance = np.random.default_rng(0)
    return pairs_of([(int(one), int(one) + 1) for one in chance.integers(1, 30, count)])


@given(lengths=LENGTHS, symbols=st.integers(1, 300), most=st.none() | st.integers(1, 9), epoch=st.integers(0, 5))
def test_every_pair_comes_once_an_epoch_within_the_bounds(lengths, symbols, most, epoch):
    batches = TokenBatches(pairs_of(lengths), symbols, most, seed=1)
    seen = [batches.rows(epoch, index) for index in range(len(batches))]
    assert sorted(np.concatenate(seen).tolist()) == list(range(len(lengths)))
    assert all(len(rows) for rows in seen)
    for rows in seen:
        longest = max(max(lengths[row]) for row in rows)
        assert len(rows) * longest <= symbols or len(rows) == 1
        assert most is None or len(rows) <= most


@given(lengths=st.lists(st.integers(0, 50), max_size=40), symbols=st.integers(1, 200))
def test_groups_hold_every_place_once(lengths, symbols):
    groups = in_groups(np.array(lengths, dtype=np.int64), symbols)
    assert sorted(place for group in groups for place in group.tolist()) == list(range(len(lengths)))
    for group in groups:
        assert len(group) * max(lengths[place] for place in group) <= symbols or len(group) == 1


@given(st.integers(1, 10**9))
def test_a_bucket_is_at_most_an_eighth_longer_than_what_it_holds(length):
    (end,) = bucket(np.array([length]))
    assert length <= end <= length * 9 / 8
    assert bucket(np.array([end])) == end


def test_a_batch_is_time_major_and_padded_after_the_end():
    text = read_parallel(["a b c", "a"], ["x", "y z"])
    pairs = encode_pairs(text, learn(text.source, "word"), learn(text.target, "phones"))
    batch = TokenBatches(pairs, symbols=100).batch(0, 0)
    order = batch.source_lengths.argsort(descending=True)
    assert batch.source[:, order].tolist() == [[4, 4], [5, END], [6, PAD], [END, PAD]]
    assert batch.target[:, order].tolist() == [[4, 5], [END, 6], [PAD, END]]
    assert (batch.source_lengths[order].tolist(), batch.target_lengths[order].tolist()) == ([4, 2], [2, 3])
    assert batch.entering[:, order].tolist() == [[BEGIN, BEGIN], [4, 5], [END, 6]]
    assert {tensor.dtype for tensor in batch} == {torch.int64}
    assert all(tensor.is_contiguous() for tensor in batch)


def test_nothing_to_pad_is_no_trouble():
    assert pad([]).numbers.shape == (0, 0)
    assert pad([[], []]).numbers.shape == (0, 2)
    assert shift(torch.empty(0, 2, dtype=torch.int64)).shape == (0, 2)


def test_epochs_differ_in_order_and_mates_and_seeds_differ():
    batches, other = TokenBatches(many(), 300), TokenBatches(many(), 300, seed=1)
    first, second = ([set(batches.rows(epoch, index)) for index in range(len(batches))] for epoch in (0, 1))
    assert first != second
    assert sum(one in second for one in first) < len(first) / 4  # hardly any batch keeps all its pairs
    assert first != [set(other.rows(0, index)) for index in range(len(other))]
    lengths = [int(batches.batch(0, index).source_lengths.max()) for index in range(len(batches))]
    assert lengths != sorted(lengths)  # short ones do not all come first


def test_little_of_a_batch_is_padding():
    batches = TokenBatches(many(2000), 1000)
    filled = [batches.batch(0, index) for index in range(len(batches))]
    used = sum(int(batch.source_lengths.sum() + batch.target_lengths.sum()) for batch in filled)
    assert used > 0.9 * sum(batch.source.numel() + batch.target.numel() for batch in filled)


def test_a_batch_asked_for_alone_is_the_one_that_came_in_its_turn():
    one, other = TokenBatches(many(), 300), TokenBatches(many(), 300)
    for _ in one.batch(0, 0), one.batch(3, 1):
        pass
    for index in (5, 0, len(one) - 1):
        for left, right in zip(one.batch(2, index), other.batch(2, index), strict=True):
            assert torch.equal(left, right)


def test_the_order_of_today_is_the_order_of_tomorrow():
    # kept figures: a run that goes on under a newer NumPy must go on with the same batches
    batches = TokenBatches(pairs_of([(3, 3)] * 6), 9, seed=5)
    assert [batches.rows(2, index).tolist() for index in range(2)] == [[5, 2, 3], [4, 0, 1]]


def test_a_batch_is_named_by_the_lines_it_holds():
    batches = TokenBatches(many(), 3000)
    name = batches.name(0, 0)
    assert name.startswith("a.en + a.de: lines ")
    assert f"and {len(batches.rows(0, 0)) - 32} more" in name


def test_facts_tell_other_data_and_other_settings():
    facts = TokenBatches(many(), 300).facts()
    assert facts == TokenBatches(many(), 300).facts()
    for other in (TokenBatches(many(399), 300), TokenBatches(many(), 301), TokenBatches(many(), 300, most=5)):
        assert other.facts() != facts
    swapped = many()
    assert TokenBatches(Pairs(swapped.target, swapped.source, "", "", swapped.numbers), 300).facts() != facts


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"symbols": 0}, "symbols is 0; expected a whole number, 1 or more"),
        ({"symbols": 9.5}, "symbols is 9.5"),
        ({"symbols": True}, "symbols is True"),
        ({"symbols": 9, "most": 0}, "most is 0"),
        ({"symbols": 9, "seed": -1}, "seed is -1; expected a whole number, 0 or more"),
    ],
)
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(ArgumentError, match=message):
        TokenBatches(many(3), **options)


def test_no_pair_is_refused():
    with pytest.raises(DataError, match="there is no pair"):
        TokenBatches(pairs_of([]), 9)


class Guess(nn.Module):
    """Guesses the target by the mean of the source's embeddings, through dropout."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.embedding, self.drop = nn.Embedding(500, 4), nn.Dropout(0.2)
        with torch.no_grad():
            self.embedding.weight.copy_(torch.rand(500, 4, generator=generator))


def loss(model, batch):
    mean = model.drop(model.embedding(batch.source)).mean(0)  # (batch, 4)
    return (mean.sum(1) - batch.target_lengths).square().mean()


class CutError(Exception):
    pass


def test_a_run_that_was_cut_gives_the_bits_of_the_uninterrupted_one(tmp_path):
    class Cut(TokenBatches):
        asked = 0

        def batch(self, epoch, index):
            self.asked += 1
            if self.asked == 17:
                raise CutError
            return super().batch(epoch, index)

    settings, kept = Settings(epochs=3, learning_rate=0.01), Run(tmp_path / "run", every_steps=5)
    whole, resumed, cut_short = Guess(), Guess(), Cut(many(150), 200)
    Cut.__qualname__ = TokenBatches.__qualname__  # the same kind of batches, for what a run is known by
    train(whole, loss, TokenBatches(many(150), 200), settings, progress="quiet")
    with pytest.raises(CutError):
        train(Guess(), loss, cut_short, settings, run=kept, progress="quiet")
    result = train(resumed, loss, TokenBatches(many(150), 200), settings, run=kept, progress="quiet")
    assert result.resumed_from == 15
    assert torch.equal(whole.embedding.weight, resumed.embedding.weight)
