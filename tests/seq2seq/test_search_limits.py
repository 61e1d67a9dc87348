"""Limits hold for every output, and what can't be searched is refused by name."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import everystep as es
from everystep.errors import ArgumentError, NonFiniteError, ShapeError, StateError, UnknownNameError
from everystep.seq2seq.search import Ensemble, Limits, Ranking, Scores, beam, force, greedy, sample
from everystep.seq2seq.search.top import likeliest
from everystep.text.symbols import BEGIN, END, PAD, UNKNOWN
from searched import SPECIALS, Tables, may_follow, reader, tables

SOURCES, LENGTHS = torch.tensor([0, 1, 2]), torch.tensor([4, 2, 3])


def every_search(model, memory, lengths, **asked):
    yield [[found] for found in greedy(model, memory, lengths, **asked)]
    yield beam(model, memory, lengths, width=4, n_best=4, **asked)
    yield sample(model, memory, lengths, samples=4, generator=torch.Generator().manual_seed(0), **asked)


def outputs(model, memory, lengths, **asked):
    """Give (sentence, hypothesis) for all that every search finds."""
    for found in every_search(model, memory, lengths, **asked):
        yield from ((i, hypothesis) for i, hypotheses in enumerate(found) for hypothesis in hypotheses)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    minimum=st.integers(0, 4),
    more=st.integers(0, 6),
    factors=st.tuples(st.sampled_from([0.0, 0.5, 1.1]), st.sampled_from([None, 1.0, 1.5, 3.0])),
    block=st.sampled_from([0, 2, 3]),
)
def test_every_output_keeps_to_every_limit(seed, minimum, more, factors, block):
    limits = Limits(minimum, minimum + more, *factors, block=block, forbidden=SPECIALS)
    for i, found in outputs(tables(seed), SOURCES, LENGTHS, limits=limits):
        said, source = found.symbols.tolist(), int(LENGTHS[i])
        assert limits.shortest(source) <= len(said) <= limits.longest(source)
        assert all(may_follow(said[:n], symbol, limits, source) for n, symbol in enumerate([*said, END]))
        assert found.cut == (len(said) == limits.longest(source))


def test_limits_by_the_source_are_worked_out_exactly():
    limits = Limits(minimum=2, maximum=30, minimum_factor=0.7, maximum_factor=1.1)
    assert [(limits.shortest(n), limits.longest(n)) for n in (0, 1, 3, 10, 100)] == [
        (0, 0), (1, 1), (3, 3), (7, 11), (30, 30),
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_n_gram_comes_twice(size):
    model = tables(seed=8, sources=6, words=4, spread=4.0)
    model.tables[..., END] = -50.0  # goes on as long as it may
    limits = Limits(maximum=4 if size == 1 else 12, block=size, forbidden=SPECIALS)
    for _, found in outputs(model, torch.arange(6), torch.full((6,), 4), limits=limits):
        said = found.symbols.tolist()
        grams = [tuple(said[i : i + size]) for i in range(len(said) - size + 1)]
        assert len(grams) == len(set(grams)) > 0


def test_what_is_forbidden_is_never_said():
    model = tables(seed=1)
    model.tables[..., [PAD, UNKNOWN, BEGIN]] += 9.0
    model.tables = model.tables.log_softmax(-1)
    usual, known = Limits(maximum=6), Limits(maximum=6, forbidden=(PAD, BEGIN, UNKNOWN))
    said = [set(found.symbols.tolist()) for _, found in outputs(model, SOURCES, LENGTHS, limits=usual)]
    assert set.union(*said) >= {UNKNOWN}
    assert not set.union(*said) & {PAD, BEGIN}
    for _, found in outputs(model, SOURCES, LENGTHS, limits=known):
        assert not set(found.symbols.tolist()) & {PAD, BEGIN, UNKNOWN}


def test_an_output_begins_with_its_prefix_and_is_scored_with_it():
    model, lengths = reader(), torch.tensor([5, 2, 4])
    memory, prefix = model.read(lengths), [[7, 7, 5], [], [4]]
    for i, found in outputs(model, memory, lengths, limits=Limits(maximum=8, block=1), prefix=prefix):
        said = found.symbols.tolist()
        assert said[: len(prefix[i])] == prefix[i]  # even where an n-gram comes twice in it
        alone = es.layers.select(memory, [i])
        (forced,) = force(model, alone, lengths[i : i + 1], [said])
        assert found.log_probability == pytest.approx(forced.log_probability, abs=1e-11)  # other row counts round else


def test_a_whole_prefix_is_what_a_wide_search_says_if_it_was_the_best():
    model, lengths = reader(), torch.tensor([5, 2, 4])
    memory, limits = model.read(lengths), Limits(maximum=8)
    free = beam(model, memory, lengths, width=8, limits=limits)
    prefix = [best.symbols.tolist() for (best,) in free]
    again = beam(model, memory, lengths, width=8, limits=limits, prefix=prefix)
    assert [best.symbols.tolist() for (best,) in again] == prefix


def test_an_empty_source_has_an_output():
    model, lengths = reader(), torch.tensor([0, 3])
    memory = model.read(lengths)
    for found in every_search(model, memory, lengths, limits=Limits(maximum=5), ranking=Ranking(coverage=0.3)):
        assert all(math.isfinite(hypothesis.score) for hypothesis in found[0])
        assert found[0][0].attention.shape[1] == 0
    for found in every_search(model, memory, lengths, limits=Limits(maximum_factor=2.0)):
        assert [hypothesis.symbols.tolist() for hypothesis in found[0]] == [[]] * len(found[0])


def test_no_sentences_have_no_outputs():
    model, lengths = reader(), torch.tensor([], dtype=torch.long)
    for found in every_search(model, model.read(lengths), lengths):
        assert found == []


def test_a_maximum_of_0_says_nothing():
    for _, found in outputs(tables(seed=0), SOURCES, LENGTHS, limits=Limits(maximum=0)):
        assert found.symbols.tolist() == []
        assert found.cut
        assert len(found.steps) == len(found.attention) == 1


@pytest.mark.parametrize("size", [40, 1000])  # a large one is looked through block by block
def test_likeliest_is_a_sort_whose_ties_go_to_the_lower_column(size):
    generator = torch.Generator().manual_seed(0)
    for levels in (1, 2, 5, 1000, 10**6):
        scores = -torch.randint(1, levels + 1, (50, size), generator=generator).float()
        scores[torch.rand(50, size, generator=generator) < 0.2] = -math.inf
        right, columns = scores.sort(dim=1, descending=True, stable=True)
        for count in (1, 2, 3, 7, 39, 40, 99):
            values, found = likeliest(scores, count)
            assert (torch.from_numpy(values) == right[:, :count]).all()
            live = right[:, :count] > -math.inf  # what can't come has no order
            assert (torch.from_numpy(found)[live] == columns[:, :count][live]).all()


def test_one_nan_in_a_large_row_is_refused():
    for column in (0, 500, 999):
        scores = torch.zeros(20, 1000)
        scores[7, column] = math.nan
        with pytest.raises(NonFiniteError, match="row 7 hold NaN"):
            likeliest(scores, 3)


def broken(value):
    model = tables(seed=0)
    model.tables[1] = value
    return model


def test_nan_is_refused():
    for search in (greedy, beam, sample):
        with pytest.raises(NonFiniteError, match="row 1 hold NaN"):
            search(broken(math.nan), SOURCES, LENGTHS)


def test_one_nan_among_numbers_is_refused():
    model = tables(seed=0)
    model.tables[0, :, :, 5] = math.nan
    for search in (greedy, beam, sample):
        with pytest.raises(NonFiniteError, match="NaN"):
            search(model, SOURCES, LENGTHS)


def test_nothing_but_zero_probabilities_is_refused():
    for search in (greedy, beam, sample):
        with pytest.raises(ArgumentError, match="sentence 1 has no output of at most 9 symbols"):
            search(broken(-math.inf), SOURCES, LENGTHS, limits=Limits(maximum=9))


def test_numbers_that_are_no_log_probabilities_are_refused():
    for search in (greedy, beam, sample):
        with pytest.raises(ArgumentError, match=r"a log probability is 3; .*log_softmax"):
            search(broken(3.0), SOURCES, LENGTHS)


def test_limits_that_leave_nothing_to_say_are_refused():
    limits = Limits(minimum=9, maximum=9, block=1, forbidden=SPECIALS)  # nine of three words, none twice
    for search in (greedy, beam, sample):
        with pytest.raises(ArgumentError, match="loosen minimum, block, forbidden or prefix"):
            search(tables(seed=0), SOURCES, LENGTHS, limits=limits)


def test_a_prefix_that_cannot_be_said_is_refused():
    model = tables(seed=0)
    model.tables[..., 5] = -math.inf
    for prefix, error in (
        ([[5], [], []], "sentence 0 has no output"),
        ([[4], []], "2 outputs are begun; expected 3"),
        ([[4, 4, 4], [], []], "prefix of sentence 0 has 3 symbols and its output may have 2"),
        ([[4], [END], []], "prefix of sentence 1 is .* without END"),
        ([[4], [99], []], "holds symbol 99; expected numbers below 7"),
    ):
        for search in (greedy, beam, sample):
            with pytest.raises(ArgumentError, match=error):
                search(model, SOURCES, LENGTHS, limits=Limits(maximum=2), prefix=prefix)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Limits(minimum=-1), "minimum is -1"),
        (lambda: Limits(maximum=2.5), "maximum is 2.5"),
        (lambda: Limits(minimum=5, maximum=4), "minimum is 5 and maximum 4"),
        (lambda: Limits(maximum_factor=math.nan), "maximum_factor is nan"),
        (lambda: Limits(forbidden=(END,)), "without it no output"),
        (lambda: Ranking(alpha=-1), "alpha is -1"),
        (lambda: Ranking(coverage=math.inf), "coverage is inf"),
        (lambda: beam(tables(0), SOURCES, LENGTHS, width=0), "width is 0"),
        (lambda: beam(tables(0), SOURCES, LENGTHS, width=2, n_best=3), "n_best is 3 and width 2"),
        (lambda: beam(tables(0), SOURCES, -LENGTHS), "lengths holds -4"),
        (lambda: beam(Tables(tables(0).tables), SOURCES, LENGTHS, ranking=Ranking(coverage=1.0)), "needs a model with"),
        (lambda: sample(tables(0), SOURCES, LENGTHS, temperature=0), "temperature is 0; .* use greedy"),
        (lambda: sample(tables(0), SOURCES, LENGTHS, top_k=0), "top_k is 0"),
        (lambda: sample(tables(0), SOURCES, LENGTHS, top_p=0.0), "top_p is 0.0"),
        (lambda: sample(tables(0), SOURCES, LENGTHS, samples=0), "samples is 0"),
        (lambda: Ensemble([]), "models is empty"),
        (lambda: greedy(Ensemble([tables(0)]), SOURCES, LENGTHS), "expected a tuple with that of each of 1 models"),
    ],
)
def test_numbers_out_of_range_are_refused_by_name(make, error):
    with pytest.raises(ArgumentError, match=error):
        make()


def test_an_unknown_length_penalty_is_refused_with_the_known():
    with pytest.raises(UnknownNameError, match='did you mean "gnmt"'):
        Ranking("gmnt")


class Even:
    def start(self, memory):
        return None

    def advance(self, state, symbols, memory):
        return Scores(torch.full((len(symbols), 8), 1 / 8).log(), None)


def test_wrong_axes_are_refused_by_name():
    class Flat(Tables):
        def advance(self, state, symbols, memory):
            return Scores(super().advance(state, symbols, memory).log_probabilities[0], state)

    with pytest.raises(ShapeError, match=r"advance gave log_probabilities .*expected \(rows=3, vocabulary\)"):
        greedy(Flat(tables(0).tables), SOURCES, LENGTHS)
    with pytest.raises(ShapeError, match=r"have \[3\] rows; expected 2, one for each of lengths"):
        greedy(tables(0), SOURCES, LENGTHS[:2])
    with pytest.raises(ShapeError, match=r"lengths is .*float32"):
        greedy(tables(0), SOURCES, LENGTHS.float())
    with pytest.raises(StateError, match="object with select"):
        beam(Even(), [SOURCES], LENGTHS)
    with pytest.raises(ShapeError, match="expected one vocabulary for all"):
        greedy(Ensemble([tables(0), tables(0, words=4)]), (SOURCES, SOURCES), LENGTHS)
