"""Beam search finds what a textbook's finds, and what looking at everything finds."""

from __future__ import annotations

import math
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import everystep as es
from everystep.seq2seq import Seq2Seq, Seq2SeqConfig
from everystep.seq2seq.search import Limits, Ranking, Scores, beam, force, greedy
from everystep.text import END, PairBatch, pad
from searched import EVERY_RANKING, SPECIALS, WORDS, Tables, exhaustive, one_by_one, plain_beam, reader, tables

ALL = 1 + 3 + 9 + 27 + 81  # prefixes of up to 4 of 3 words
NARROW = Limits(maximum=4, forbidden=SPECIALS)
SOURCES = torch.tensor([0, 1, 2])
LENGTHS = torch.tensor([4, 2, 3])


def said(hypotheses):
    return [hypothesis.symbols.tolist() for hypothesis in hypotheses]


@pytest.mark.parametrize("ranking", EVERY_RANKING, ids=str)
@pytest.mark.parametrize("shortest", [0, 2])
def test_a_beam_as_wide_as_everything_finds_what_looking_at_everything_finds(ranking, shortest):
    model = tables(seed=1)
    limits = Limits(minimum=shortest, maximum=4, forbidden=SPECIALS)
    found = beam(model, SOURCES, LENGTHS, width=ALL, n_best=ALL, limits=limits, ranking=ranking)
    for source, (length, hypotheses) in enumerate(zip(LENGTHS.tolist(), found, strict=True)):
        right = exhaustive(model, SOURCES[source : source + 1], 4, ranking, length, shortest)
        assert said(hypotheses) == [told.symbols for told in right]
        # sums of the same numbers in another order: a few roundings of float64 on numbers up to 100
        assert [h.score for h in hypotheses] == pytest.approx([told.score for told in right], abs=1e-11)


@pytest.mark.parametrize("ranking", EVERY_RANKING, ids=str)
def test_width_1_is_greedy(ranking):
    model = tables(seed=2, sources=40, words=9)
    memory, lengths = torch.arange(40), torch.full((40,), 4)
    for limits in (Limits(maximum=12), Limits(minimum=3, maximum=12, block=2, forbidden=SPECIALS)):
        narrow = beam(model, memory, lengths, width=1, limits=limits, ranking=ranking)
        for (one,), other in zip(narrow, greedy(model, memory, lengths, limits=limits, ranking=ranking), strict=True):
            assert torch.equal(one.symbols, other.symbols)
            assert one.score == other.score


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    width=st.integers(1, 6),
    ranking=st.sampled_from(EVERY_RANKING),
    minimum=st.integers(0, 3),
    maximum=st.integers(3, 9),
    block=st.integers(0, 3),
    spread=st.sampled_from([0.1, 1.0, 4.0]),
    factor=st.sampled_from([None, 0.5, 2.0]),
)
def test_stopping_early_loses_nothing(seed, width, ranking, minimum, maximum, block, spread, factor):
    block = 0 if block == 1 else block  # with 3 words of which none may come twice, longer outputs do not exist
    limits = Limits(minimum, maximum, maximum_factor=factor, block=block, forbidden=SPECIALS)
    model = tables(seed, sources=2, spread=spread)
    for n_best in {1, width}:
        found = beam(model, SOURCES[:2], LENGTHS[:2], width=width, n_best=n_best, limits=limits, ranking=ranking)
        for source, length in enumerate(LENGTHS[:2].tolist()):
            right = plain_beam(model, SOURCES[source : source + 1], width, limits, length, ranking)[:n_best]
            assert said(found[source]) == [told.symbols for told in right]
            assert [h.score for h in found[source]] == pytest.approx([told.score for told in right], abs=1e-11)


def test_a_search_that_can_stop_does():
    steps = []

    class Counted(Tables):
        def advance(self, state, symbols, memory):
            steps.append(len(symbols))
            return super().advance(state, symbols, memory)

    sure = torch.full((1, 7, 7, 7), 0.001, dtype=torch.float64)
    sure[..., 3] = 0.95  # the end, nearly always
    beam(Counted(sure.log()), torch.tensor([0]), torch.tensor([4]), width=4, limits=Limits(maximum=100))
    assert steps == [1]  # what is alive has -6.9 and cannot get better than -0.05


def test_scores_are_those_of_the_same_output_forced():
    model, lengths = reader(), torch.tensor([5, 1, 3, 4])
    memory = model.read(lengths)
    for ranking in EVERY_RANKING:
        found = beam(model, memory, lengths, width=6, n_best=6, limits=Limits(maximum=9), ranking=ranking)
        for rank in range(6):
            outputs = [hypotheses[rank].symbols.tolist() for hypotheses in found]
            for one, other in zip(force(model, memory, lengths, outputs, ranking=ranking), found, strict=True):
                assert torch.equal(one.symbols, other[rank].symbols)
                # products of other row counts round otherwise
                assert one.score == pytest.approx(other[rank].score, abs=1e-11)
                torch.testing.assert_close(one.steps, other[rank].steps, atol=1e-11, rtol=0)
                torch.testing.assert_close(one.attention, other[rank].attention, atol=1e-11, rtol=0)


def test_scores_are_those_of_the_model_run_by_hand():
    model, lengths = reader("lstm"), torch.tensor([3])
    memory = model.read(lengths)
    for ranking in EVERY_RANKING:
        (hypotheses,) = beam(model, memory, lengths, width=5, n_best=5, limits=Limits(maximum=9), ranking=ranking)
        for hypothesis in hypotheses:
            told = one_by_one(model, memory, hypothesis.symbols.tolist(), ranking, 3)
            assert hypothesis.score == pytest.approx(told.score, abs=1e-11)
            assert hypothesis.log_probability == pytest.approx(told.log_probability, abs=1e-11)
            assert float(hypothesis.steps.sum()) == pytest.approx(told.log_probability, abs=1e-11)


@pytest.mark.parametrize("cell", sorted(es.cells.CELLS))
def test_a_sentence_says_the_same_in_a_batch_and_alone_whatever_the_cell(cell):
    model, lengths = reader(cell), torch.tensor([5, 2, 4, 1, 3])
    memory = model.read(lengths)
    asked = {"width": 4, "n_best": 4, "limits": Limits(maximum_factor=2.0), "ranking": Ranking("gnmt", coverage=0.2)}
    together = beam(model, memory, lengths, **asked)
    assert len({len(hypothesis.symbols) for hypotheses in together for hypothesis in hypotheses}) > 1
    for i in range(len(lengths)):
        (alone,) = beam(model, es.layers.select(memory, [i]), lengths[i : i + 1], **asked)
        assert said(alone) == said(together[i])
        for one, other in zip(alone, together[i], strict=True):
            assert one.score == pytest.approx(other.score, abs=1e-11)  # products of other row counts round otherwise
            assert one.attention.shape == other.attention.shape == (len(one.symbols) + 1, lengths[i])


def test_the_best_are_distinct_and_sorted():
    model, lengths = reader(vocabulary=9), torch.tensor([5, 4, 3])
    for hypotheses in beam(model, model.read(lengths), lengths, width=12, n_best=12, limits=Limits(maximum=6)):
        assert len({tuple(symbols) for symbols in said(hypotheses)}) == len(hypotheses) == 12
        assert [h.score for h in hypotheses] == sorted((h.score for h in hypotheses), reverse=True)


def test_a_batch_in_another_order_says_the_same_in_that_order():
    model, lengths = reader(), torch.tensor([5, 2, 4, 1, 3])
    memory, order = model.read(lengths), [3, 0, 4, 1, 2]
    asked = {"width": 5, "limits": Limits(maximum=12)}
    one = beam(model, memory, lengths, **asked)
    other = beam(model, es.layers.select(memory, order), lengths[order], **asked)
    assert [said(one[i]) for i in order] == [said(hypotheses) for hypotheses in other]


@pytest.mark.parametrize("width", [1, 3, 7, 50])
def test_equal_scores_go_to_the_lower_symbol(width):
    even = Tables(torch.full((1, 12, 12, 12), 1 / 12, dtype=torch.float64).log())
    (hypotheses,) = beam(even, torch.tensor([0]), torch.tensor([3]), width=width, n_best=1, limits=Limits(maximum=3))
    assert said(hypotheses) == [[] if width >= 2 else [1, 1, 1]]  # 1 and END, 3, are the lowest that may come
    assert said(greedy(even, torch.tensor([0]), torch.tensor([3]), limits=Limits(maximum=3))) == [[1, 1, 1]]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), width=st.integers(1, 9), levels=st.integers(1, 3))
def test_ties_everywhere_are_broken_as_the_textbook_breaks_them(seed, width, levels):
    generator = torch.Generator().manual_seed(seed)
    coarse = -torch.randint(1, 1 + levels, (1, 9, 9, 9), generator=generator).double()  # sums of them are exact
    model, limits = Tables(coarse), Limits(maximum=4, forbidden=SPECIALS)
    (found,) = beam(model, torch.tensor([0]), torch.tensor([3]), width=width, n_best=width, limits=limits)
    right = plain_beam(model, torch.tensor([0]), width, limits, 3, Ranking())
    assert said(found) == [told.symbols for told in right]


def test_a_beam_wider_than_the_vocabulary_is_filled_as_it_branches():
    model = tables(seed=5)
    found = beam(model, SOURCES, LENGTHS, width=30, n_best=30, limits=NARROW)
    assert all(len(hypotheses) == 30 for hypotheses in found)


def test_of_fewer_outputs_than_asked_for_all_are_given():
    model = tables(seed=5)
    found = beam(model, SOURCES, LENGTHS, width=30, n_best=30, limits=Limits(maximum=1, forbidden=SPECIALS))
    assert [sorted(said(hypotheses)) for hypotheses in found] == [[[], *([word] for word in WORDS)]] * 3


def test_scores_in_single_and_half_precision_are_searched_too():
    model = tables(seed=3)
    for dtype in (torch.float32, torch.bfloat16):
        coarse = Tables(model.tables.to(dtype), model.looked.to(dtype))
        found = beam(coarse, SOURCES, LENGTHS, width=4, limits=NARROW, ranking=Ranking("gnmt", coverage=0.1))
        assert all(math.isfinite(hypotheses[0].score) for hypotheses in found)


@pytest.mark.parametrize("attention", ["general", "none"])
def test_an_encoder_decoder_is_searched(attention):
    torch.manual_seed(3)
    config = Seq2SeqConfig(source_symbols=9, target_symbols=9, hidden=8, embedding=8, attention=attention)
    model = Seq2Seq.from_config(config).double().eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(4)  # far from even
    source, lengths = pad([[4, 5, 6, 7, 3], [6, 3], [5, 5, 8, 3]])
    memory = model.encode(source, lengths)
    found = beam(model, memory, lengths, width=4, n_best=4, limits=Limits(maximum=7), ranking=Ranking("gnmt"))
    for rank in range(4):
        best = [hypotheses[rank] for hypotheses in found]
        told = model.score(PairBatch(source, lengths, *pad([[*h.symbols.tolist(), END] for h in best])))
        # the model scores all steps in one product, the search each by itself: some roundings of float64
        assert told.tolist() == pytest.approx([hypothesis.log_probability for hypothesis in best], abs=1e-9)
    for i, likely in enumerate(greedy(model, memory, lengths, limits=Limits(maximum=7, forbidden=()))):
        said = model.greedy(source, lengths, most=8).numbers[:, i].tolist()
        assert said[: len(likely.symbols)] == likely.symbols.tolist()
        assert likely.attention is None if attention == "none" else likely.attention.shape[1] == lengths[i]


def test_nothing_is_left_for_a_gradient():
    model, lengths = reader(), torch.tensor([3])
    ((found,),) = beam(model, model.read(lengths), lengths, limits=Limits(maximum=5))
    assert not found.attention.requires_grad
    assert torch.is_grad_enabled()


def test_what_a_model_says_is_let_go_but_for_where_it_looked():
    said_so_far, alive = [], []

    class Together:
        """Scores and attention are parts of one array, as those of a stream are."""

        def start(self, memory):
            return memory

        def advance(self, state, symbols, memory):
            alive.append(sum(one() is not None for one in said_so_far))
            every = np.log(np.full((len(symbols), 8 + 3), 1 / 8))
            said_so_far.append(weakref.ref(every))
            return Scores(torch.from_numpy(every[:, :8]), state, torch.from_numpy(every[:, 8:]))

    beam(Together(), SOURCES, LENGTHS, width=3, limits=Limits(minimum=12, maximum=12))
    assert len(alive) == 13
    assert max(alive) <= 1
