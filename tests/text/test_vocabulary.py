"""Vocabularies: a line in, numbers out, and back; saved as plain files and loaded equal."""

from __future__ import annotations

import hashlib
import json
import random
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from everystep.errors import (
    ArgumentError,
    DataError,
    EverystepError,
    MissingExtraError,
    ModelFileError,
    UnknownNameError,
)
from everystep.text import BEGIN, END, PAD, UNKNOWN, learn, load_vocabulary
from everystep.text.vocabulary_file import to_bytes
from everystep.train import SavedModel, load_model, save_model

LINES = ["the cat sat on the mat", "a hat for the cat", "der hund und die katze", "<s> <pad> </s> <unk>"] * 4
KINDS = ["word", "char", "phones", "bpe:60", "unigram:27"]


@pytest.fixture(scope="module", params=KINDS)
def vocabulary(request):
    return learn(LINES, request.param)


def test_a_line_of_known_symbols_comes_back(vocabulary):
    for line in LINES:
        numbers = vocabulary.encode(line)
        assert all(4 <= number < len(vocabulary) for number in numbers)
        assert vocabulary.decode([BEGIN, *numbers, END, 5, PAD]) == line
        assert vocabulary.decode(torch.tensor(numbers)) == line


def test_no_text_is_read_as_a_special_symbol(vocabulary):
    assert not {PAD, BEGIN, END} & set(vocabulary.encode("<s> <pad> </s> <unk>"))


def test_an_unknown_symbol_is_number_one_and_is_shown(vocabulary):
    numbers = vocabulary.encode("the 漢")
    assert numbers[-1] == UNKNOWN
    assert vocabulary.decode(numbers).endswith(("<unk>", "\N{REPLACEMENT CHARACTER}"))
    assert vocabulary.pieces("the 漢")[-1] == "漢"


def test_pieces_stand_beside_numbers(vocabulary):
    line = LINES[0]
    assert [vocabulary.symbol(number) for number in vocabulary.encode(line)] == vocabulary.pieces(line)
    assert [vocabulary.symbol(number) for number in range(4)] == ["<pad>", "<unk>", "<s>", "</s>"]


def test_an_empty_line_has_no_number(vocabulary):
    assert vocabulary.encode("") == []
    assert not vocabulary.decode([])


def test_numbers_of_no_symbol_are_refused(vocabulary):
    for number in (-1, len(vocabulary)):
        with pytest.raises(ArgumentError, match=f"decode: {number} is no symbol's number; expected 0 to"):
            vocabulary.decode([4, number])


def test_a_saved_vocabulary_comes_back_equal_from_a_model_directory(vocabulary, tmp_path):
    save_model(tmp_path, SavedModel("tiny", {}, {"w": torch.zeros(1)}, files=vocabulary.to_files("source")))
    back = load_vocabulary(load_model(tmp_path).files, "source")
    assert back == vocabulary
    assert back.encode(LINES[0]) == vocabulary.encode(LINES[0])
    assert back.to_files("source") == vocabulary.to_files("source")
    assert learn(LINES, vocabulary.kind) == vocabulary  # learned twice, equal


def test_a_file_cut_short_or_changed_is_named(vocabulary):
    files = vocabulary.to_files("source")
    for name, raw in files.items():
        for changed in (
            b"",
            raw[:-2],
            raw[: len(raw) // 2],
            raw.replace(b"t", b"d", 1),
            b"\xff\xfe",
            b"[]",
            b"{}",
            b"1",
        ):
            with pytest.raises(ModelFileError, match=f"{name} is damaged"):
                load_vocabulary({**files, name: changed}, "source")
        with pytest.raises(ModelFileError, match=f"{name} is missing"):
            load_vocabulary({other: raw for other, raw in files.items() if other != name}, "source")


def test_a_file_of_a_newer_format_is_refused():
    content = json.loads(learn(LINES, "word").to_files("a")["a.vocabulary.json"])
    del content["sha256"]
    del content["format"]
    newer = to_bytes(content.pop("kind"), {**content, "format": 2})
    with pytest.raises(ModelFileError, match=r"a\.vocabulary\.json has format 2, made by a newer everystep"):
        load_vocabulary({"a.vocabulary.json": newer}, "a")


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("word", {}),
        ("word", {"symbols": "abc"}),
        ("word", {"symbols": [1, 2]}),
        ("word", {"symbols": ["a", "a"]}),
        ("word", {"symbols": ["a"], "format": None}),
        ("word", {"symbols": ["a"], "format": True}),
        ("wrd", {"symbols": ["a"]}),
        (["word"], {"symbols": ["a"]}),
        ({"word": 1}, {"symbols": ["a"]}),
        (None, {}),
        ("bpe:0", {}),
        ("bpe:9", {"model_sha256": hashlib.sha256(b"no model").hexdigest()}),
    ],
)
def test_a_file_with_a_right_checksum_and_wrong_content_is_damaged(kind, facts):
    files = {"a.vocabulary.json": to_bytes(kind, facts), "a.sentencepiece": b"no model"}
    with pytest.raises(ModelFileError, match="is damaged"):
        load_vocabulary(files, "a")


@pytest.mark.parametrize("kind", ["bpe:40", "unigram:26"])
def test_a_hostile_subword_model_works_or_is_damaged(kind):
    vocabulary = learn(["the cat sat on the mat with a hat", "der hund und die katze"] * 3, kind)
    files, chance = vocabulary.to_files("a"), random.Random(0)
    for _ in range(150):
        model = bytearray(files["a.sentencepiece"])
        for _ in range(chance.choice([1, 2, 5])):
            model[chance.randrange(len(model))] = chance.randrange(256)
        hostile = {
            "a.vocabulary.json": to_bytes(kind, {"model_sha256": hashlib.sha256(model).hexdigest()}),
            "a.sentencepiece": bytes(model),
        }
        try:
            loaded = load_vocabulary(hostile, "a")
        except ModelFileError as error:
            assert "a.sentencepiece" in str(error)  # noqa: PT017 - most, not all of them raise
            continue
        loaded.encode("the cat 漢")
        loaded.decode(number for number in range(len(loaded)) if number != END)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\n")))
def test_any_text_comes_back_from_its_characters(line):
    vocabulary = learn([line, "x"], "char")
    assert vocabulary.decode(vocabulary.encode(line)) == line
    assert load_vocabulary(vocabulary.to_files("a"), "a") == vocabulary


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=12), max_size=4), st.sampled_from(["word", "char", "phones", "bpe:12", "unigram:9"]))
def test_any_lines_give_a_vocabulary_or_a_refusal(lines, kind):
    try:
        vocabulary = learn(lines, kind)
    except EverystepError:
        return
    for line in lines:
        assert UNKNOWN not in vocabulary.encode(line) or ":" in kind
    if kind in {"word", "phones"}:
        assert [vocabulary.decode(vocabulary.encode(line)) for line in lines] == [
            " ".join(line.split()) for line in lines
        ]


@pytest.mark.parametrize("kind", KINDS)
@given(line=st.text(st.characters(), max_size=20))
@settings(max_examples=30, deadline=None)
def test_any_line_can_be_read_by_any_vocabulary(kind, line):
    vocabulary = WHOLE.setdefault(kind, learn(LINES, kind))
    assert len(vocabulary.encode(line)) == len(vocabulary.pieces(line)) or ":" in kind
    vocabulary.decode(vocabulary.encode(line))


WHOLE: dict = {}


def test_words_stand_by_frequency_then_by_text():
    vocabulary = learn(["b a b c", "c d"], "word")
    assert vocabulary.symbols == ("b", "c", "a", "d")
    assert learn(["b a b c", "c d"], "word", minimum_count=2).symbols == ("b", "c")
    assert learn(["b a b c", "c d"], "word", maximum_size=5).symbols == ("b",)
    assert len(learn(["b a b c", "c d"], "word", maximum_size=5)) == 5


def test_one_vocabulary_may_serve_both_sides():
    both = learn([*["a b"], *["x y"]], "word")
    assert both.decode(both.encode("a y")) == "a y"


def test_subwords_have_the_size_that_was_asked_for():
    assert len(learn(LINES, "bpe:60")) == 60
    assert len(learn(LINES, "unigram:27")) == 27


def test_subwords_take_text_as_it_is():
    vocabulary = learn(
        ["\N{VULGAR FRACTION ONE HALF} ﬁne \N{HORIZONTAL ELLIPSIS} e\N{COMBINING ACUTE ACCENT}"] * 3, "bpe:21"
    )
    line = "ﬁne \N{VULGAR FRACTION ONE HALF} \N{HORIZONTAL ELLIPSIS} e\N{COMBINING ACUTE ACCENT}"
    assert vocabulary.decode(vocabulary.encode(line)) == line


def test_subwords_are_learned_from_long_lines_too():
    long = " ".join(["zebra"] * 100_000)
    assert "z" in "".join(map(learn([long, "a cat"], "bpe:14").symbol, range(14)))


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("words", UnknownNameError, 'vocabulary "words" is unknown; did you mean "word"'),
        ("bpe", ArgumentError, 'vocabulary "bpe" has no number of pieces, 5 or more; write "bpe:8000"'),
        ("bpe:4", ArgumentError, "5 or more"),
        ("unigram:-8", ArgumentError, "5 or more"),
        ("bpe:8000", DataError, 'these lines give at most 93 pieces, not "bpe:8000"; ask for "bpe:93"'),
        ("bpe:6", DataError, 'these lines need at least 25 pieces to write every character, not "bpe:6"'),
    ],
)
def test_a_kind_that_can_not_be_learned_is_refused_with_the_mend(kind, error, message):
    with pytest.raises(error, match=message):
        learn(LINES, kind)


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        ([], {"kind": "word"}, "found no symbol that comes 1 times or more"),
        (["", " "], {"kind": "bpe:30"}, "has no text to learn from"),
        (["a"], {"kind": "word", "minimum_count": 2}, "found no symbol that comes 2 times or more"),
        (["a"], {"kind": "word", "minimum_count": 0}, "minimum_count is 0; expected 1 or more"),
        (["a"], {"kind": "word", "maximum_size": 4}, "maximum_size is 4; expected 5 or more"),
        (["a"], {"kind": "phones", "minimum_count": 2}, '"phones" takes no minimum_count or maximum_size'),
        ("a line", {"kind": "word"}, "lines is one text"),
        (["a", 5], {"kind": "word"}, "learn: entry 2 is int; expected text"),
        (["a", "\ud800"], {"kind": "char"}, "entry 2 holds half a surrogate pair at character 1"),
    ],
)
def test_what_can_not_be_learned_from_is_refused(lines, options, message):
    with pytest.raises(EverystepError, match=message):
        learn(lines, **options)


def test_without_sentencepiece_the_other_kinds_work_and_a_hint_is_given(monkeypatch):
    files = learn(LINES, "bpe:60").to_files("a")
    monkeypatch.setitem(sys.modules, "sentencepiece", None)  # importing it now raises ImportError
    assert learn(LINES, "word").encode("the cat")
    for action in (lambda: learn(LINES, "bpe:60"), lambda: load_vocabulary(files, "a")):
        with pytest.raises(MissingExtraError, match=r'"bpe:60" needs sentencepiece; .*"everystep\[text\]"'):
            action()
