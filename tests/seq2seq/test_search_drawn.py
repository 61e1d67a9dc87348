"""Sampling draws what the model says, and an ensemble is the mean of its models."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import pytest
import torch

from everystep.seq2seq.search import Ensemble, Limits, Ranking, beam, force, greedy, sample
from everystep.text.symbols import END
from searched import SPECIALS, Tables, reader, tables

SOURCES, LENGTHS = torch.tensor([0, 1, 2]), torch.tensor([4, 2, 3])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def said(found):
    return [[hypothesis.symbols.tolist() for hypothesis in hypotheses] for hypotheses in found]


def test_the_same_seed_draws_the_same_and_another_seed_another():
    model, lengths = reader(), torch.tensor([5, 3, 4])
    asked = {"samples": 4, "limits": Limits(maximum=9), "top_p": 0.95}
    one, same, other = (
        said(sample(model, model.read(lengths), lengths, generator=seeded(n), **asked)) for n in (1, 1, 2)
    )
    assert one == same != other


@pytest.mark.parametrize("asked", [{"temperature": 1e-9}, {"top_k": 1}, {"top_p": 1e-9}], ids=str)
def test_sampling_without_chance_is_greedy(asked):
    model, memory, lengths = tables(seed=4, sources=30, words=9), torch.arange(30), torch.full((30,), 4)
    limits = Limits(minimum=2, maximum=9, block=2)
    drawn = sample(model, memory, lengths, samples=2, limits=limits, generator=seeded(), **asked)
    for hypotheses, likely in zip(drawn, greedy(model, memory, lengths, limits=limits), strict=True):
        assert [(h.symbols.tolist(), h.score) for h in hypotheses] == [(likely.symbols.tolist(), likely.score)] * 2


def shares(model, **asked):
    """Draw the first symbol 5,000 times."""
    (found,) = sample(
        model,
        SOURCES[:1],
        LENGTHS[:1],
        samples=5_000,
        limits=Limits(maximum=1, forbidden=()),
        generator=seeded(),
        **asked,
    )
    counts = Counter(int(h.symbols[0]) if len(h.symbols) else END for h in found)
    return torch.tensor([counts[symbol] / 5_000 for symbol in range(7)], dtype=torch.float64)


def test_symbols_are_drawn_as_often_as_they_are_likely():
    model = tables(seed=6)
    p = model.tables[0, 0, 2].exp()  # after BEGIN
    order = p.argsort(descending=True)
    # 5,000 draws: one standard deviation of a share is 0.0071 at most, so 0.03 is past four of them
    torch.testing.assert_close(shares(model), p, atol=0.03, rtol=0)
    torch.testing.assert_close(shares(model, temperature=2.0), p.sqrt() / p.sqrt().sum(), atol=0.03, rtol=0)
    few = torch.zeros_like(p).index_copy(0, order[:3], p[order[:3]])
    torch.testing.assert_close(shares(model, top_k=3), few / few.sum(), atol=0.03, rtol=0)
    enough = float(p[order[:2]].sum()) + 1e-6  # two do not hold it, three do
    torch.testing.assert_close(shares(model, top_p=enough), few / few.sum(), atol=0.03, rtol=0)
    assert shares(model, top_p=float(p[order[0]]) - 1e-6)[order[0]] == 1
    assert shares(model, top_p=1e-6, top_k=3)[order[0]] == 1


def test_what_can_not_come_is_not_drawn():
    model = tables(seed=6)
    model.tables[..., 5] = -torch.inf
    drawn = sample(
        model, SOURCES, LENGTHS, samples=200, generator=seeded(), limits=Limits(maximum=6, forbidden=SPECIALS)
    )
    assert {symbol for hypotheses in said(drawn) for symbols in hypotheses for symbol in symbols} == {4, 6}


def test_samples_carry_the_models_own_probability():
    model, lengths = reader(), torch.tensor([5, 3, 4])
    memory, ranking = model.read(lengths), Ranking("average")
    drawn = sample(
        model, memory, lengths, temperature=2.0, limits=Limits(maximum=9), ranking=ranking, generator=seeded()
    )
    outputs = [hypothesis.symbols.tolist() for (hypothesis,) in drawn]
    for (one,), other in zip(drawn, force(model, memory, lengths, outputs, ranking=ranking), strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-11)  # products of other row counts round otherwise


def searches(model, memory, lengths):
    limits = Limits(maximum=9)
    yield [[hypothesis] for hypothesis in greedy(model, memory, lengths, limits=limits)]
    yield beam(model, memory, lengths, width=4, n_best=4, limits=limits, ranking=Ranking("gnmt", coverage=0.2))
    yield sample(model, memory, lengths, samples=3, limits=limits, generator=seeded())


@pytest.mark.parametrize("copies", [1, 2, 3])
def test_an_ensemble_of_copies_is_the_model(copies):
    model, lengths = reader(), torch.tensor([5, 3, 4])
    memory = model.read(lengths)
    together = searches(Ensemble([model] * copies), (memory,) * copies, lengths)
    for several, alone in zip(together, searches(model, memory, lengths), strict=True):
        assert said(several) == said(alone)
        for some, one in zip(chain(*several), chain(*alone), strict=True):
            assert some.score == pytest.approx(one.score, abs=1e-11)  # the mean of equal numbers rounds
            torch.testing.assert_close(some.attention, one.attention, atol=1e-12, rtol=0)


def test_an_ensemble_says_what_a_model_with_the_mean_probabilities_says():
    models = [tables(seed) for seed in (1, 2, 3)]
    mean = Tables((sum(m.tables.exp() for m in models) / 3).log(), sum(m.looked for m in models) / 3)
    for several, alone in zip(
        searches(Ensemble(models), (SOURCES,) * 3, LENGTHS), searches(mean, SOURCES, LENGTHS), strict=True
    ):
        assert said(several) == said(alone)


def test_models_of_other_cells_with_and_without_attention_go_together():
    models, lengths = [reader("gru"), reader("lstm")], torch.tensor([5, 3, 4])
    plain = Tables(tables(seed=1, words=8).tables)
    memory = (*(model.read(lengths) for model in models), torch.tensor([0, 1, 2]))
    both = Ensemble([*models, plain])
    for (found,) in beam(both, memory, lengths, limits=Limits(maximum=9), ranking=Ranking(coverage=0.1)):
        assert found.attention.sum(1).tolist() == pytest.approx([1.0] * len(found.attention))
