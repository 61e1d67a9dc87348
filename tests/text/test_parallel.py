"""Reading parallel text: refusals name file and line, and nothing is lost without a word."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everystep.errors import ArgumentError, DataError, EverystepError
from everystep.text import SCAN, encode_pairs, learn, lines_of, read_lines, read_pairs, read_parallel


def files(folder, source: bytes, target: bytes):
    (folder / "a.en").write_bytes(source)
    (folder / "a.de").write_bytes(target)
    return folder / "a.en", folder / "a.de"


def pairs_in(folder, raw: bytes, **options):
    (folder / "a.tsv").write_bytes(raw)
    return read_pairs(folder / "a.tsv", **options)


def test_plain_gzip_and_lists_give_the_same_pairs(tmp_path):
    source, target = files(tmp_path, b"a cat\na dog\n", gzip.compress("eine kätzin\nein hund".encode()))
    text = read_parallel(source, target)
    assert (text.source, text.target) == (("a cat", "a dog"), ("eine kätzin", "ein hund"))
    listed = read_parallel(["a cat", "a dog"], ["eine kätzin", "ein hund"])
    assert (listed.source, listed.target) == (text.source, text.target)
    assert text.place(1) == f"{source} + {target}: line 2"
    assert listed.place(1) == "the source + the target: entry 2"
    assert read_parallel(source, ["x", "y"]).target == ("x", "y")


def test_mark_and_carriage_returns_are_no_part_of_a_line(tmp_path):
    assert read_lines(files(tmp_path, b"\xef\xbb\xbfa\r\nb\r\n", b"")[0]).texts == ("a", "b")


def test_only_a_line_feed_ends_a_line(tmp_path):
    raw = "a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g\rh\ni".encode()
    assert len(read_lines(files(tmp_path, raw, b"")[0])) == 2


def test_every_line_of_one_text_is_kept():
    assert lines_of(b"\n\na\n\n", "<stdin>").texts == ("", "", "a", "")
    assert lines_of(b"a", "<stdin>").texts == lines_of(b"a\n", "<stdin>").texts


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", r"a\.en: the file is empty"),
        (b"\xef\xbb\xbf", r"a\.en: the file is empty"),
        (b"ok\nK\xe4tzin\n", r"a\.en: line 2 is not UTF-8 \(byte 0xe4\)"),
        (b"\xff\xfea\x00", r"a\.en: the file is UTF-16"),
        (b"ok\nb\x00\n", r"a\.en: line 2 holds a zero byte"),
        (gzip.compress(b"a\n" * 1000, mtime=0)[:-9], r"a\.en: the gzip file is damaged"),
        (gzip.compress(b"a\nb\n\xc3", mtime=0), r"a\.en: line 3 is not UTF-8"),
    ],
)
def test_a_file_that_is_no_text_is_refused_by_name_and_line(tmp_path, raw, message):
    source, target = files(tmp_path, raw, b"x\n")
    with pytest.raises(DataError, match=message):
        read_parallel(source, target)


def test_a_missing_file_and_a_directory_are_told_apart(tmp_path):
    source, target = files(tmp_path, b"a\n", b"b\n")
    with pytest.raises(DataError, match=r'a\.ne: no such file; did you mean "a\.en"'):
        read_parallel(source.with_name("a.ne"), target)
    with pytest.raises(DataError, match="is a directory; expected a text file of lines"):
        read_parallel(source, tmp_path)
    with pytest.raises(DataError, match="can't be read"):
        read_lines("a\x00b")


def test_texts_of_different_length_are_refused_with_both_counts(tmp_path):
    with pytest.raises(DataError, match=r"a\.en has 2 and .*a\.de has 3 lines; expected as many in both"):
        read_parallel(*files(tmp_path, b"a\nb\n", b"a\nb\nc\n"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([], "the source is empty"),
        (["a", None], "the source: entry 2 is NoneType; expected text"),
        (["a", "b\nc"], "the source: entry 2 holds a line end"),
        (["\udcff", "b"], "the source: entry 1 holds half a surrogate pair"),
        (b"a", "the source is bytes; expected the path"),
        (5, "the source is int; expected the path"),
    ],
)
def test_a_list_that_is_no_list_of_lines_is_refused(source, message):
    with pytest.raises(DataError, match=message):
        read_parallel(source, ["x", "y"])


def test_pairs_with_an_empty_side_are_left_out_and_counted(tmp_path):
    source, target = files(tmp_path, b"a\n\nc\n \ne\n\n", b"v\nw\n\t\nx\ny\n\n")
    text = read_parallel(source, target)
    assert (text.source, text.numbers) == (("a", "e"), (1, 5))
    assert [(note.reason, note.count, note.first.rpartition(": ")[2]) for note in text.left_out] == [
        ("source and target are empty", 1, "line 6"),
        ("the source is empty", 2, "line 2"),
        ("the target is empty", 1, "line 3"),
    ]
    assert len(text) + sum(note.count for note in text.left_out) == 6
    assert len(read_parallel(source, target, empty="keep")) == 6
    with pytest.raises(DataError, match="line 2: the source is empty; expected text on both sides"):
        read_parallel(source, target, empty="refuse")
    with pytest.raises(DataError, match="line 3: the target is empty"):
        pairs_in(tmp_path, b"a\tx\nb\ty\nc\t\n", empty="refuse")
    with pytest.raises(ArgumentError, match='empty is "drop"; expected one of leave out, keep, refuse'):
        read_parallel(source, target, empty="drop")
    with pytest.raises(DataError, match=r"no pair is left\. 2 pairs left out because the source is empty"):
        read_parallel(["", ""], ["x", "y"])


def test_pairs_come_from_one_file_with_tabs(tmp_path):
    text = pairs_in(tmp_path, b"cat\tK AE T\r\n\ndog\tD AO G\n")
    assert (text.source, text.target, text.numbers) == (("cat", "dog"), ("K AE T", "D AO G"), (1, 3))
    assert str(text.left_out[0]).startswith("1 pair left out because source and target are empty")
    wide = pairs_in(tmp_path, b"1\tcat\tK\n2\tdog\tD\n", columns=(2, 3))
    assert (wide.source, wide.target) == (("cat", "dog"), ("K", "D"))


@pytest.mark.parametrize(
    ("raw", "options", "message"),
    [
        (b"a\tb\nc\n", {}, r"a\.tsv: line 2 has no tab; expected source, tab, target"),
        (b"a\tb\tc\n", {}, r"line 1 has 3 columns; expected 2, parted by tabs. Say which .* columns=\(1, 2\)"),
        (b"a\tb\nc\td\te\n", {}, r"line 2 has 3 columns; expected 2, parted by tabs.$"),
        (b"a\tb\n", {"columns": (1, 3)}, r"columns is \(1, 3\); expected two of 1 to 2"),
        (b"a\tb\n", {"columns": (0, 1)}, r"columns is \(0, 1\)"),
        (b"IN: a OUT: b\nIN a\n", {"pattern": SCAN}, r'line 2 does not fit the pattern .*: "IN a"'),
        (b"a\tb\n", {"pattern": "("}, "is no regular expression"),
        (b"a\tb\n", {"pattern": "(.*)"}, "has 1 groups; expected 2"),
        (b"a\tb\n", {"pattern": SCAN, "columns": (1, 2)}, "both given"),
    ],
)
def test_a_file_that_holds_no_pairs_is_refused(tmp_path, raw, options, message):
    with pytest.raises(EverystepError, match=message):
        pairs_in(tmp_path, raw, **options)


def test_a_pattern_reads_what_tabs_do_not(tmp_path):
    text = pairs_in(tmp_path, b"IN: jump left OUT: I_TURN_LEFT I_JUMP\n", pattern=SCAN)
    assert (text.source, text.target) == (("jump left",), ("I_TURN_LEFT I_JUMP",))


def test_a_line_of_a_hundred_thousand_words_is_left_out_and_named():
    text = read_parallel(["a b", "a " * 100_000, "b"], ["x", "y", "x y " * 9])
    source, target = learn(text.source, "word"), learn(text.target, "word")
    pairs = encode_pairs(text, source, target, max_length=10)
    assert (len(pairs), pairs.numbers) == (1, (1,))
    assert pairs.notes == (
        "2 pairs left out because a side has more than 10 symbols; the first is the source + the target: entry 2.",
    )
    assert len(encode_pairs(text, source, target)) == 3
    with pytest.raises(
        DataError, match=r"no pair is left\. 3 pairs left out because a side has more than 1 symbol;"
    ) as told:
        encode_pairs(read_parallel(["a b"] * 3, ["x"] * 3), source, target, max_length=1)
    assert "entry 1" in str(told.value)
    with pytest.raises(ArgumentError, match="max_length is 0"):
        encode_pairs(text, source, target, max_length=0)


def test_unknown_symbols_are_counted_and_the_first_is_named():
    words = learn(["a b"], "word")
    pairs = encode_pairs(read_parallel(["a b", "a c d", "e"], ["a", "a", "z"]), words, words)
    assert pairs.notes == (
        '3 of 6 source symbols are unknown to the vocabulary; the first is "c" in the source + the target: entry 2.',
        '1 of 3 target symbols is unknown to the vocabulary; the first is "z" in the source + the target: entry 3.',
    )


@settings(max_examples=100, deadline=None)
@given(
    raw=st.one_of(
        st.binary(max_size=60),
        st.text(max_size=40).map(str.encode),
        st.text("ab\t\n\r ", max_size=40).map(str.encode),
        st.binary(max_size=30).map(gzip.compress),
        st.binary(max_size=30).map(lambda raw: b"\x1f\x8b" + raw),
    ),
    empty=st.sampled_from(["leave out", "keep", "refuse"]),
)
def test_any_bytes_give_pairs_or_a_refusal(raw, empty, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    for read in (
        lambda: pairs_in(folder, raw, empty=empty),
        lambda: pairs_in(folder, raw, empty=empty, pattern="(.*)b(.*)"),
        lambda: read_parallel(*files(folder, raw, b"x\n" * max(1, raw.count(b"\n"))), empty=empty),
    ):
        try:
            text = read()
        except EverystepError:
            continue
        assert len(text.source) == len(text.target) == len(text) > 0
        assert not any("\n" in line for line in (*text.source, *text.target))
        if empty != "keep":
            assert all(line.strip() for line in (*text.source, *text.target))
        characters = learn(["ab"], "char")
        assert len(encode_pairs(text, characters, characters)) == len(text)
