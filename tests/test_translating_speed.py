"""The speed of translation is measured against a model that says the same."""

from __future__ import annotations

import importlib

import pytest
import torch

from everystep.seq2seq import Seq2Seq, Seq2SeqConfig
from everystep.seq2seq.search import Limits, Ranking, beam
from everystep.text import PairBatch, pad

SIZES = {"source_symbols": 11, "target_symbols": 11, "embedding": 5, "hidden": 6, "label_smoothing": 0.1}
SHAPES = {
    "sentences": {"tied": "all"},
    "spelling": {"attention": "additive", "input_feeding": True},
    "before": {"attention": "additive", "attend": "before", "cell": "gru"},
    "elman": {"attention": "additive", "cell": "elman"},
}
CLOSE = {"rtol": 0, "atol": 1e-12}  # sums of a dozen numbers in float64, in another order


@pytest.fixture(autouse=True)
def _from_the_repository(monkeypatch, repository):
    monkeypatch.syspath_prepend(str(repository))


def room(name: str):
    return importlib.import_module(f"benchmarks.translating.{name}")


def both(shape: str):
    torch.manual_seed(1)
    config = Seq2SeqConfig(**{**SIZES, **SHAPES[shape]})
    ours = Seq2Seq.from_config(config)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))  # biases of zero hide what forgets them
    return ours.double(), room("plain").alike(ours, config).double()


@pytest.mark.parametrize("shape", SHAPES)
def test_the_model_by_hand_has_the_same_loss_and_gradients(shape):
    ours, plain = both(shape)
    batch = PairBatch(*pad([[4, 5, 3], [6, 3], [7, 8, 8, 4, 5, 3]]), *pad([[5, 4, 3], [6, 7, 8, 4, 3], [5, 3]]))
    found = []
    for model, weights in ((ours, ours.encoder.embedding.E), (plain, plain.source.weight)):
        value = model.loss(batch)
        found.append((value.detach(), torch.autograd.grad(value, weights)[0]))
    torch.testing.assert_close(found[0], found[1], **CLOSE)
    torch.testing.assert_close(ours.score(batch), plain.score(batch), **CLOSE)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_search_by_hand_says_the_same(shape):
    ours, plain = both(shape)
    ours, plain = ours.eval(), plain.eval()
    sources, lengths = pad([[4, 5, 3], [6, 3], [7, 8, 8, 4, 5, 3]])
    limits, by_hand = Limits(maximum=9, forbidden=(0, 1, 2)), room("plain_search")
    with torch.no_grad():
        found = beam(ours, ours.encode(sources, lengths), lengths, width=4, limits=limits, ranking=Ranking("average"))
    said = by_hand.beam(plain, sources, lengths, torch.full((3,), 9), [0, 1, 2], 4)
    for one, other in zip(found, said, strict=True):
        assert one[0].symbols.tolist() == other.symbols
        assert one[0].score == pytest.approx(other.score, abs=1e-6)  # the other side adds up in float32


def test_a_side_that_loses_is_told_and_what_is_missing_named(tmp_path):
    race, table = room("race"), room("table")
    seconds = {race.OURS: [2.0, 2.0], race.PLAIN: [3.0, 3.0]}
    records = [race.Record("before", race.TRAINING, 100, seconds, 0.1, {race.JOEY: "attends after the update only"})]
    page = tmp_path / "page.md"
    page.write_text(f"kept\n{table.MARK}\nold", encoding="utf-8")
    table.write_page(page, {"processor": "one"}, records)
    written = page.read_text(encoding="utf-8")
    assert written.startswith("kept\n")
    assert "old" not in written
    assert "| before | training | 50 | 33.33 | 1.50 | 4 | NO |  |  |" in written
    assert "before: JoeyNMT attends after the update only" in written
    page.write_text("nothing", encoding="utf-8")
    with pytest.raises(SystemExit, match="is missing"):
        table.write_page(page, {}, records)


def test_a_model_is_told_as_its_recipe_has_it():
    cases = room("cases")
    asked = {"cell": "gru", "hidden": 77, "attention": "dot", "attend": "before", "input_feeding": True, "tied": "all"}
    case = cases.Case("pieces", "g2p.toml", "spelling", asked)
    assert case.about == "pieces, GRU of 77, dot attention before the update, input feeding, tied embeddings"


def test_made_texts_stand_in_for_those_that_are_not_here(tmp_path, monkeypatch):
    cases = room("cases")
    small = {"spelling": lambda seed: cases.read_parallel(["ab", "ba", f"b{'a' * seed}"], ["A B", "B A", "B"])}
    monkeypatch.setattr(cases, "MADE", small)
    ready = cases.prepare(cases.CASES["spelling"], tmp_path)
    assert ready.made
    assert ready.config.hidden == 256
    assert len(ready.asked) == 3
