from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from everystep.cells import CELLS
from everystep.errors import RunError
from everystep.report import render, write
from everystep.report.graph import graph_part
from everystep.report.ranking import best_rival, ranked
from looks import complaints
from report.samples import CASES, HOSTILE, evaluation, ordinary


@pytest.mark.parametrize("case", CASES)
def test_the_report_looks_right_on_every_screen_and_on_paper(browser, tmp_path, case):
    html = render(CASES[case]())
    assert len(html.encode()) < 1_500_000
    assert complaints(browser, html, tmp_path) == []


def headings(html):
    return re.findall(r"<h[23]>(.*?)</h[23]>", html)


def test_the_report_has_every_part():
    html = render(ordinary())
    assert headings(html) == [
        "What comes next", "Forecast against truth", "Who was closest", "Inside the cell", "The unrolled graph",
        "How it was trained", "Settings",
    ]  # fmt: skip
    for said in (
        "forget: how much memory is left?", "input: how much memory is updated?", "output: how much is let out?",
        "A season of 24 steps was found.", "learning rate", "1,873", "How the error grows with the distance",
    ):  # fmt: skip
        assert said in html


def test_the_verdict_stands_first_whoever_won():
    html = render(bare(own=1.9))
    assert "Model 2 has the smallest error" in html.partition("<h2>")[0]
    first, last = [re.findall(r'<th scope="row" class="text">(.*?)</th>', html)[i] for i in (0, -1)]
    assert (first, last) == ("Model 2", "everystep")


def test_methods_without_a_forecast_come_last_and_are_no_rival():
    judged = CASES["refused"]().evaluation
    assert [score.failed for score in ranked(judged)] == [False] * 6 + [True] * 2
    assert best_rival(judged) == "Model 2"
    assert "ETS: stopped after 20 s." in render(CASES["refused"]())


def test_without_a_future_a_past_or_gates_their_parts_are_left_out():
    assert headings(render(bare())) == [
        "Who was closest", "Inside the cell", "The unrolled graph", "How it was trained", "Settings",
    ]  # fmt: skip


def test_a_cell_without_gates_shows_its_state():
    html = render(CASES["elman"]())
    assert "Elman has no gates; what it remembers is its state." in html
    assert "s: the state" in html


@pytest.mark.parametrize("name", sorted(CELLS))
def test_every_registered_cell_can_be_reported(name):
    assert "The unrolled graph" in graph_part(CELLS[name](3, 4))


def test_labels_that_are_markup_never_become_markup():
    html = render(CASES["hostile"]())
    assert "<script" not in html
    assert html.count("</style>") == 1
    assert HOSTILE not in html
    assert "\x00" not in html


def test_the_same_results_make_the_same_bytes():
    assert render(ordinary()) == render(ordinary())


def bare(**changed):
    return ordinary(gates=None, future=(), evaluation=evaluation(np.random.default_rng(0), fans=(), **changed))


def test_writing_leaves_one_whole_file(tmp_path):
    results = bare()
    assert write(results, tmp_path / "report.html") == tmp_path / "report.html"
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == render(results)
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(RunError, match=r"report\.html could not be written"):
        write(bare(), tmp_path / "missing" / "report.html")


def test_a_baseline_that_exploded_leaves_the_others_readable():
    made = bare()
    rows = [replace(s, error_by_step=tuple(1e6 * e for e in s.error_by_step)) if s.method == "ETS" else s
            for s in made.evaluation.scores]  # fmt: skip
    html = render(replace(made, evaluation=replace(made.evaluation, scores=tuple(rows))))
    assert ">100,000</text>" in html  # the axis went logarithmic
