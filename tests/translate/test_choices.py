"""Settings of a translator: every wrong one is refused with the nearest right one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import everystep as es
from everystep.errors import ArgumentError, DataError, EverystepError, UnknownNameError
from everystep.seq2seq import Seq2SeqConfig
from everystep.translate import Choices, read_choices
from everystep.translate.choices import SECTIONS, Model, from_flat


def test_no_two_sections_share_a_name():
    names = [name for kind in SECTIONS.values() for name in kind.model_fields]
    assert len(names) == len(set(names))


def test_the_model_section_is_what_an_encoder_decoder_takes():
    own = set(Seq2SeqConfig.__dataclass_fields__) - {"source_symbols", "target_symbols"}
    assert set(Model.model_fields) == own


def test_flat_and_back_is_the_same():
    choices = from_flat("Translator", {"hidden": 7, "metric": "exact", "tokens": "char"})
    assert Choices().chosen(**choices.flat()) == choices


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"hiden": 4}, UnknownNameError, 'Translator: setting "hiden" is unknown; did you mean "hidden"?'),
        ({"hidden": 0}, ArgumentError, "Translator: hidden is 0; expected greater than or equal to 1."),
        ({"hidden": "4"}, ArgumentError, "Translator: hidden is '4'; expected a valid integer."),
        ({"dropout": 1.0}, ArgumentError, "Translator: dropout is 1.0; expected less than 1."),
        ({"metric": "blue"}, UnknownNameError, 'Translator: metric "blue" is unknown; did you mean "bleu"?'),
        ({"schedule": "cosin"}, UnknownNameError, 'did you mean "cosine"?'),
    ],
)
def test_a_wrong_setting_is_refused(settings, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        es.Translator(**settings)


@pytest.mark.parametrize(
    ("toml", "kind", "message"),
    [
        ("[modl]\nhidden = 4\n", UnknownNameError, 'section "modl" is unknown; did you mean "model"?'),
        ("[model]\nhiden = 4\n", UnknownNameError, 'setting of [model] "hiden" is unknown; did you mean "hidden"?'),
        ("[text]\nhidden = 4\n", UnknownNameError, 'setting "hidden" stands in [text]; it belongs to [model].'),
        ("hidden = 4\n", UnknownNameError, 'setting "hidden" stands in no section; it belongs to [model].'),
        ("model = 4\n", ArgumentError, "model is 4; expected a table: [model], then its settings."),
        ("[model\n", DataError, "is no TOML:"),
    ],
)
def test_a_wrong_file_is_refused_by_its_name(tmp_path, toml, kind, message):
    path = tmp_path / "small.toml"
    path.write_text(toml)
    with pytest.raises(kind, match=re.escape(message)) as refusal:
        read_choices(path)
    assert str(refusal.value).startswith(str(path))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tokens": "wrod"}, 'text: vocabulary "wrod" is unknown; did you mean "word"?'),
        ({"tokens": "bpe"}, 'vocabulary "bpe" has no number of pieces'),
        ({"shared": True, "tokens": "char", "target_tokens": "word"}, "one kind for one vocabulary"),
        ({"tied": "all"}, 'Translator: tied is "all" and shared is false'),
        ({"sampling": "linear"}, "expected its slope"),
        ({"cell": "lsmt"}, 'did you mean "lstm"?'),
    ],
)
def test_what_only_the_text_can_tell_is_refused_by_fit(settings, message):
    with pytest.raises(EverystepError, match=re.escape(message)):
        es.Translator(**{"progress": "quiet", "epochs": 1, **settings}).fit((["ab"], ["ba"]), (["ab"], ["ba"]))


def test_the_configuration_of_the_docs_is_one(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "translate.md").read_text(encoding="utf-8")
    (tmp_path / "docs.toml").write_text(page.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    assert read_choices(tmp_path / "docs.toml").training.average == 3
