"""A translator learns, answers line by line, and comes back from its directory as it was."""

from __future__ import annotations

import re

import pytest
import torch

import everystep as es
from everystep.errors import ArgumentError, DataError, ModelFileError, NotFittedError
from everystep.text import encode_pairs, read_parallel
from everystep.translate.split import held_back
from everystep.translate.taught import TaughtBatches, schedule
from everystep.translate.validation import Validation
from reversed_words import SETTINGS, texts


@pytest.fixture(scope="module")
def fitted() -> es.Translator:
    source, target = texts()
    translator = es.Translator(**{**SETTINGS, "epochs": 14}, progress="quiet")
    return translator.fit((source[:270], target[:270]), (source[270:], target[270:]))


def test_it_learns_to_write_words_backwards(fitted):
    source, target = texts()
    assert fitted.fitted.choices.training.metric == "exact"  # lines of one word are judged whole
    assert fitted.score(source[270:], target[270:], metric="exact").value >= 80  # of chance, about 1


def test_an_empty_line_gives_an_empty_line_and_order_is_kept(fitted):
    lines = ["ab", "", "abcde", "  ", "b"]
    together = fitted.translate(lines)
    assert [together[1], together[3]] == ["", ""]
    assert together == [fitted.translate(line) for line in lines]
    assert fitted.translate([]) == []


def test_n_best_are_told_with_scores_and_attention(fitted):
    (found,) = fitted.translations(["abc"], n_best=3)
    assert len({one.text for one in found}) == 3
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    best = found[0]
    assert best.source == ("a", "b", "c", "</s>")
    assert best.attention is not None
    assert best.attention.shape == (len(best.target), len(best.source))
    # rows of a softmax in float32
    torch.testing.assert_close(best.attention.sum(1), torch.ones(len(best.target)), rtol=0, atol=1e-5)


def test_it_comes_back_from_its_directory_as_it_was(fitted, tmp_path):
    fitted.save(tmp_path, {"exact": 1.0})
    back = es.Translator.load(tmp_path)
    assert back.fitted.choices == fitted.fitted.choices
    assert back.translations(["abcd"])[0][0][:3] == fitted.translations(["abcd"])[0][0][:3]


def test_an_ensemble_of_a_model_with_itself_is_the_model(fitted, tmp_path):
    fitted.save(tmp_path)
    lines = ["abcd", "ec", "dda"]
    assert es.Translator.load(tmp_path, tmp_path).translate(lines) == fitted.translate(lines)


def test_an_ensemble_of_other_symbols_is_refused(fitted, tmp_path):
    fitted.save(tmp_path / "one")
    other = es.Translator(**{**SETTINGS, "epochs": 1}, progress="quiet").fit((["xy"], ["yx"]), (["xy"], ["yx"]))
    other.save(tmp_path / "two")
    with pytest.raises(ArgumentError, match="two has another source vocabulary than"):
        es.Translator.load(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "source.vocabulary.json"])
def test_a_damaged_file_is_named(fitted, tmp_path, name):
    fitted.save(tmp_path)
    raw = bytearray((tmp_path / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(ModelFileError, match=re.escape(str(tmp_path / name))):
        es.Translator.load(tmp_path)


def test_what_is_asked_before_fit_is_refused():
    translator = es.Translator()
    for ask in (lambda: translator.translate("a"), lambda: translator.save("x"), lambda: translator.last_fit):
        with pytest.raises(NotFittedError, match="before fit"):
            ask()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.translate(["a\nb"]), "Translator: entry 1 holds a line end"),
        (lambda t: t.translate(["a", 3]), "Translator: entry 2 is int; expected text."),
        (
            lambda t: t.translate(["ab", "a" * 100_000]),
            "the list: entry 2 has 100,000 symbols; expected at most 10,000",
        ),
        (lambda t: t.translate("a", beam=0), "Translator: beam is 0; expected a whole number, 1 or more."),
        (lambda t: t.translations(["a"], n_best=True), "Translator: n_best is True"),
        (lambda t: t.score(["a"], ["a"], metric="blue"), 'metric "blue" is unknown; did you mean "bleu"?'),
        (lambda t: t.score(["a"], ["a", "b"]), "the source has 1 and the target has 2 lines"),
        (lambda t: t.fit("abc", "abc"), "a text is str; expected (source, target)"),
    ],
)
def test_wrong_calls_are_refused(fitted, call, message):
    with pytest.raises((ArgumentError, DataError, ValueError), match=re.escape(message)):
        call(fitted)


def test_a_source_with_several_targets_is_right_with_any_of_them(fitted):
    right = fitted.translate("abc")
    assert fitted.score(["abc", "abc"], ["something", right], metric="exact").value == 100


def test_validation_judges_as_scoring_does_where_a_source_has_several_targets(fitted):
    source, target = texts()
    text = read_parallel([*source[270:]] * 2, [*target[270:], *source[270:]])
    validation = Validation(fitted.fitted, encode_pairs(text, *fitted.fitted.vocabularies), text)
    scored = fitted.score([*text.source], [*text.target], metric="exact", beam=1)
    assert validation(fitted.fitted.model)["exact"] == scored.value >= 80  # each pair by itself: half as much


def test_what_is_held_back_shares_no_source_with_what_is_trained_on():
    source = [*"abcdefghijklmnopqrstuvwxyz"] * 2
    train, valid = held_back(read_parallel(source, source))
    assert len(train) + len(valid) == len(source)
    assert set(valid.source) == {"j", "t"}
    assert not set(valid.source) & set(train.source)
    with pytest.raises(DataError, match="too few to hold some back"):
        held_back(read_parallel(["a"], ["a"]))


def test_scheduled_sampling_is_a_function_of_the_step(fitted):
    choices = fitted.fitted.choices.chosen(sampling="linear", sampling_speed=0.01, sampling_least=0.2)
    told = schedule(choices.training)
    assert [told(0), told(50), told(500)] == [1.0, 0.5, 0.2]
    batches = TaughtBatches(fitted.last_fit.pairs, choices.training)
    assert batches.batch(1, 2).truth == told(len(batches) + 2)


def test_notes_tell_what_is_unknown_and_left_out():
    translator = es.Translator(tokens="char", max_length=3, progress="quiet", epochs=1, hidden=4, embedding=4)
    translator.fit((["ab", "abcd", "b"], ["ba", "dcba", ""]), (["az"], ["za"]))
    notes = " ".join(translator.last_fit.notes)
    assert "left out because a side has more than 3 symbols" in notes
    assert "left out because the target is empty" in notes
    assert '"z"' in notes


def test_attention_that_remembers_and_a_rate_that_waits_for_a_plateau_are_settings(tmp_path):
    translator = es.Translator(
        "char", hidden=8, embedding=8, epochs=2, attention="location", schedule="plateau", progress="quiet"
    )
    source, target = texts()
    translator.fit((source[:50], target[:50]), (source[50:60], target[50:60]))
    assert translator.fitted.choices.training.plateau == 2
    translator.save(tmp_path)
    assert es.Translator.load(tmp_path).translations(["abcd"])[0][0][:3] == translator.translations(["abcd"])[0][0][:3]
