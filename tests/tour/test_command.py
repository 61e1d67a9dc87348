"""``everystep tour``: what it takes, what it refuses, and what it never leaves half-written."""

from __future__ import annotations

import contextlib
import io
import json
from xml.etree import ElementTree as ET

import pytest

from everystep.cli import main
from everystep.errors import ArgumentError
from everystep.tour import pictures, run, write
from everystep.tour.item import Item
from everystep.tour.words import paragraphs


def tour(*arguments):
    """Run the command; give its exit code, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(["tour", *map(str, arguments)])
        except SystemExit as left:
            code = left.code or 0
    return code, out.getvalue(), err.getvalue()


def test_only_with_json_prints_that_item_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = tour("--only", "n6", "--json")
    assert code == 0
    assert json.loads(out)["N6"]["nodes"] == 16
    assert list(json.loads(out)) == ["N6"]
    assert "N6" in err
    assert list(tmp_path.iterdir()) == []


def test_the_same_item_twice_gives_the_same_bytes():
    assert tour("--only", "N2,N6", "--json")[1] == tour("--only", "N2", "--only", "N6", "--json")[1]


def test_items_computed_in_processes_are_those_computed_here():
    here = [run.computed(number)[0].figures for number in ("N2", "N6")]
    apart = [item.figures for item, _ in run.go_through(["N2", "N6"], say=lambda _: None)]
    assert here == apart


def test_the_page_of_one_item_comes_with_its_picture_and_figures(tmp_path):
    code, out, _ = tour("--only", "N6", "--out", tmp_path / "lecture")
    assert (code, out) == (0, "")
    assert sorted(path.name for path in (tmp_path / "lecture").iterdir()) == ["n6.svg", "tour.html", "tour.json"]
    ET.fromstring((tmp_path / "lecture" / "n6.svg").read_text(encoding="utf-8"))  # one well-formed document


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--only", "N9"), 'tour: item "N9" is unknown. Known here: N1, N2, N3, N4, N5, N6, N7, N8.'),
        (("--only", "NN5"), 'tour: item "NN5" is unknown; did you mean "N5"?'),
        (("--only", "gates"), 'tour: item "GATES" is unknown. Known here: N1, N2, N3, N4, N5, N6, N7, N8.'),
        (("--x", "1,a"), 'tour: --x "1,a": entry 2 is "a"; expected a number, at most 1e12, as in --x 3,1,4.'),
        (("--x", "1,,2"), 'entry 2 is ""'),
        (("--x", "nan"), 'entry 1 is "nan"'),
        (("--x", "1e400"), 'entry 1 is "1e400"'),
    ],
)
def test_a_bad_argument_is_named_before_anything_is_computed_or_written(tmp_path, monkeypatch, arguments, message):
    monkeypatch.setattr(run, "computed", lambda *_: pytest.fail("computed something"))
    code, out, err = tour(*arguments, "--out", tmp_path / "new")
    assert code == 2
    assert out == ""
    assert message in err
    assert "Traceback" not in err
    assert not (tmp_path / "new").exists()


def test_a_file_in_the_place_of_the_directory_is_refused_and_kept(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    code, _, err = tour("--only", "N6", "--out", file)
    assert code == 2
    assert "notes.txt is a file; expected a directory" in err
    assert file.read_text() == "mine"


def test_a_place_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = tour("--only", "N6", "--out", tmp_path / "file" / "below")
    assert code == 2
    assert "could not be written" in err


def test_a_picture_that_fails_leaves_the_old_page_whole(tmp_path, monkeypatch):
    item = Item("N6", "Unroll", {"nodes": 16})
    (tmp_path / "tour.html").write_text("old")

    def fails(_):
        raise ZeroDivisionError

    monkeypatch.setitem(pictures.PICTURES, "N6", fails)
    with pytest.raises(ZeroDivisionError):
        write.write_tour(tmp_path, [item], {"N6": 0.1})
    assert [path.name for path in tmp_path.iterdir()] == ["tour.html"]
    assert (tmp_path / "tour.html").read_text() == "old"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1.0, float("-inf")], {"deep": {"er": float("nan")}}])
def test_a_figure_that_json_cannot_hold_is_refused_by_its_place(value):
    with pytest.raises(ArgumentError, match=r"^N3\.grew.*expected a finite number"):
        Item("N3", "Elman", {"grew": value})


def test_markup_in_prose_is_shown_and_not_obeyed():
    html = str(paragraphs(["<script>alert(1)</script> **<b>** `<i>`", "    <u>"]))
    assert "<script" not in html
    assert "<strong>&lt;b&gt;</strong> <code>&lt;i&gt;</code>" in html
    assert '<p class="equation">&lt;u&gt;</p>' in html
