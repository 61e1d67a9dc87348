"""The whole tour, once: what it prints, what it computes, and what its page looks like.

All of it hangs on one run, which takes the best part of a minute and a half on two cores; the tests share a file, so
that one worker has them all.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from everystep.tour.run import ITEMS
from looks import VIEWS, View, complaints

pytestmark = pytest.mark.timeout(600)  # the fixture's run is part of the first test


@dataclass(frozen=True)
class Run:
    """What one ``everystep tour --json --out DIR`` left behind."""

    out: Path
    stdout: str
    stderr: str

    @property
    def figures(self):
        return json.loads(self.stdout, parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))

    @property
    def html(self):
        return (self.out / "tour.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    out = tmp_path_factory.mktemp("tour") / "a new" / "place"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from everystep.cli import main; main()",
            "tour",
            "--json",
            "--x",
            "3,1,4",
            "--out",
            str(out),
        ],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Run(out, done.stdout, done.stderr)


def test_stdout_holds_one_json_object_and_stderr_tells_of_each_item(tour):
    assert list(tour.figures) == list(ITEMS)
    assert all(f"{number}  " in tour.stderr for number in ITEMS)
    assert json.loads((tour.out / "tour.json").read_text(encoding="utf-8")) == tour.figures


def test_n1_one_set_of_parameters_serves_every_length(tour):
    n1 = tour.figures["N1"]
    assert list(n1["parameters"]) == list(n1["one_model_mse"]) == ["10", "1000", "100000"]
    assert len(set(n1["parameters"].values())) == 1
    # trained in float64 to its bottom: what is left is rounding, at any length
    assert max(n1["one_model_mse"].values()) <= 1e-12
    assert n1["tied_gradient_error"] <= 1e-12


def test_n2_the_unrolled_systems_are_their_closed_forms(tour):
    assert tour.figures["N2"]["autonomous_error"] <= 1e-12
    assert tour.figures["N2"]["driven_error"] <= 1e-12


def test_n3_relu_grows_by_a_tenth_a_step_and_tanh_stays_below_one(tour):
    n3 = tour.figures["N3"]
    tanh, relu = n3["shift"]["tanh"], n3["shift"]["relu"]
    # 1000 log10(1.1) = 41.39 for the state and the Jacobian product; the norms of start and product add under a decade
    assert relu["state_max_log10"] == pytest.approx(41.39, abs=1)
    assert relu["gradient_log10"] == pytest.approx(41.39, abs=1)
    assert tanh["state_max_log10"] < 0
    assert tanh["gradient_log10"] < -20
    assert all(sum(fates.values()) == 20 for fates in n3["random"].values())
    assert n3["random"]["tanh"]["grew"] == 0
    assert n3["random"]["relu"]["died"] > 10  # "with random W of radius 1.1, ReLU mostly dies"


def test_n4_forcing_leaves_two_thirds_and_a_state_that_is_the_output_leaves_nothing(tour):
    n4 = tour.figures["N4"]
    scalar = n4["scalar"]
    assert scalar["forced_floor"] == pytest.approx(2 / 3)
    assert scalar["trained_forced"]["forced_mse"] == pytest.approx(2 / 3, rel=0.05)
    assert scalar["trained_free"]["free_mse"] < scalar["trained_free"]["forced_mse"]
    for task in ("vector", "leaky"):
        assert max(n4[task]["forced_mse"], n4[task]["free_mse"]) <= 1e-6


def test_n5_model_3_is_exact_learnt_and_found(tour):
    n5 = tour.figures["N5"]
    assert n5["example"] == [1, 3, 6, 9, 12]
    assert n5["model1"]["mse"] == pytest.approx(n5["model1"]["mse_floor"], rel=0.02)
    assert n5["model1"]["mse_floor"] == pytest.approx((1 + 2 * 18) / 20)
    assert n5["model2"]["beyond"] == "refused"
    assert n5["model2"]["parameters"] == 210
    assert n5["model3"]["mse"] == n5["model3"]["mse_long"] == 0
    assert n5["model3"]["T_long"] >= 1_000_000


def test_n5_the_page_shows_the_models_on_the_x_asked_for(tour):
    assert "x = 3, 1, 4</text>" in tour.html
    assert tour.figures["N5"]["example"] == [1, 3, 6, 9, 12]  # the notes' own, whatever is shown


def test_n5_gradient_descent_finds_the_shift_register_from_three_starts(tour):
    learned = tour.figures["N5"]["learned"]
    assert len(learned["seeds"]) == 3
    for run in (learned, *learned["seeds"]):
        assert run["mse"] <= 1e-8
        assert run["mse_T100000"] <= 1e-7


def test_n5_identification_finds_the_notes_matrices(tour):
    found = tour.figures["N5"]["identified"]
    assert found["state_size"] == 3
    assert found["mse"] <= 1e-20
    for name, notes in {"W": [[0, 0, 0], [1, 0, 0], [0, 1, 0]], "U": [[1], [0], [0]], "V": [[1, 1, 1]]}.items():
        for row, expected in zip(found[name], notes, strict=True):
            assert row == pytest.approx(expected, abs=1e-10)


def test_n6_five_steps_are_16_nodes_and_15_edges_and_the_gradient_is_1_three_times(tour):
    n6 = tour.figures["N6"]
    assert (n6["nodes"], n6["edges"]) == (16, 15)
    assert n6["uses"] == {"W": 5, "U": 5, "V": 5}
    assert n6["gradient"] == [0, 0, 1, 1, 1]


def test_n7_each_gate_answers_its_question(tour):
    lstm = tour.figures["N7"]["lstm"]
    assert lstm["forget_holding"] >= 0.9
    assert lstm["forget_on_write"] <= 0.2
    assert lstm["input_on_minus_off"] >= 0.5
    assert lstm["output_read_minus_not"] >= 0.4


def test_n7_at_least_half_the_starts_find_the_solution_not_one_lucky_one(tour):
    assert tour.figures["N7"]["lstm_seeds"]["solved"] >= 4  # of 8


def test_n7_one_gru_unit_cannot_be_silent_and_two_can(tour):
    one, two = (tour.figures["N7"]["gru"][units] for units in ("one_unit", "two_units"))
    assert one["mse"] >= 0.98 * one["mse_floor"]  # a floor of the same sample, but for the readout's constant
    assert two["mse"] < 0.1 * one["mse_floor"]


def test_n8_two_directions_solve_what_one_cannot_and_one_read_late_can(tour):
    two_ways = tour.figures["N8"]["bidirectional"]
    # four standard errors: once in 16,000 tries by chance, and the seed is fixed
    assert (
        abs(two_ways["one_direction_mse"] - two_ways["floor"]) <= 0.004 + 4 * two_ways["one_direction_standard_error"]
    )
    assert two_ways["two_directions_mse"] <= 1e-6
    assert two_ways["one_step_late_mse"] <= 1e-6


def test_n8_sequences_never_trained_on_are_reversed_without_one_mistake(tour):
    seq2seq = tour.figures["N8"]["seq2seq"]
    assert seq2seq["accuracy"] >= 0.99
    assert seq2seq["symbols"] >= 10
    assert seq2seq["sequences_tested"] >= 1000
    assert 0 <= seq2seq["accuracy_longer"] <= 1


@pytest.mark.parametrize("number", ITEMS)
def test_each_item_has_its_picture_as_a_file_of_its_own(tour, number):
    root = ET.fromstring((tour.out / f"{number.lower()}.svg").read_text(encoding="utf-8"))
    assert root.tag.endswith("svg")
    assert root.get("width") or root.get("viewBox")
    assert any(element.tag.endswith("title") and element.text for element in root.iter())


def test_the_page_looks_right_on_every_screen_and_on_paper(tour, browser, tmp_path):
    views = (*VIEWS, View("tablet", 800, 1100), View("projector", 1920, 1080))
    assert complaints(browser, tour.html, tmp_path, views) == []


def test_arrow_keys_go_from_item_to_item(tour, browser):
    page = _opened(browser, tour)
    seen = []
    for _ in range(len(ITEMS) + 1):
        page.keyboard.press("ArrowRight")
        seen.append(_current(page))
    assert seen == [*ITEMS, "N8"]  # the last one stays
    for key, expected in (("ArrowLeft", "N7"), ("ArrowLeft", "N6"), ("ArrowRight", "N7")):
        page.keyboard.press(key)
        assert _current(page) == expected
    for _ in ITEMS:
        page.keyboard.press("ArrowLeft")
    assert _current(page) is None  # back at the title
    page.close()


def test_buttons_links_and_plain_scrolling_move_too(tour, browser):
    page = _opened(browser, tour)
    page.get_by_role("button", name="Next item").click()
    assert _current(page) == "N1"
    page.get_by_role("link", name="N5", exact=True).click()
    page.locator("nav [aria-current]", has_text="N5").wait_for()
    page.get_by_role("button", name="Item before").click()
    assert _current(page) == "N4"
    page.evaluate("document.querySelector('#n7').scrollIntoView()")
    page.locator("nav [aria-current]", has_text="N7").wait_for()
    page.close()


def test_a_swipe_goes_on_and_a_scroll_does_not(tour, browser):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.goto((tour.out / "tour.html").as_uri())
    _swipe(page, (300, 400), (100, 420))
    assert _current(page) == "N1"
    _swipe(page, (200, 600), (210, 300))
    assert _current(page) == "N1"
    _swipe(page, (100, 400), (300, 390))
    assert _current(page) is None
    context.close()


def test_each_item_stands_at_the_top_when_it_is_gone_to(tour, browser):
    page = _opened(browser, tour)
    for number in ITEMS:
        page.keyboard.press("ArrowRight")
        top = page.evaluate("id => document.getElementById(id).getBoundingClientRect().top", number.lower())
        bottom = page.evaluate("scrollY + innerHeight >= document.documentElement.scrollHeight - 2")
        assert 0 <= top <= 60 or bottom
    page.close()


def test_items_are_in_order_and_code_and_prose_stand_beside_each_picture(tour):
    html = tour.html
    places = [html.index(f'<section class="item" id="{number.lower()}"') for number in ITEMS]
    assert all(a < b for a, b in pairwise(places))
    for start, end in pairwise([*places, len(html)]):
        section = html[start:end]
        assert section.count('class="chart wide"') == section.count('class="chart narrow"') >= 1
        assert "<pre><code>" in section
        assert "<p>" in section


def _opened(browser, tour):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto((tour.out / "tour.html").as_uri())
    return page


def _current(page):
    return page.evaluate("document.querySelector('nav [aria-current]')?.textContent ?? null")


def _swipe(page, start, end):
    session = page.context.new_cdp_session(page)
    for kind, points in (
        ("touchStart", [start]),
        ("touchMove", [((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)]),
        ("touchMove", [end]),
        ("touchEnd", []),
    ):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})
    page.wait_for_timeout(50)
