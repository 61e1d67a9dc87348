from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from everystep.pages import ROLES, Column, colour, facts, label, number, table, thin
from everystep.pages.axes import spread
from everystep.pages.numerals import column, tick
from everystep.pages.palette import colour_rules, role_of


@given(st.text(max_size=200), st.integers(3, 40))
def test_a_label_is_one_printable_line_of_at_most_the_limit(text, limit):
    made = label(text, limit)
    assert len(made) <= limit
    assert not any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 or c in "\u202e\u2066" for c in made)


def test_a_label_keeps_both_ends_of_a_long_name():
    assert label("a" * 5000 + "z", 9) == "aaaa…aaaz"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "0"), (3.0, "3"), (0.3607, "0.361"), (-0.0123, "−0.0123"), (1234.6, "1,235"), (999999.0, "999,999"),
        (1e12, "1.00×10¹²"), (-2.5e-9, "−2.50×10⁻⁹"), (math.nan, "–"), (None, "–"), (math.inf, "∞"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_people_read_them(value, written):
    assert number(value) == written


@given(st.lists(st.floats(-1e15, 1e15), min_size=1, max_size=6))
def test_numbers_of_a_column_share_their_decimals_unless_they_lie_far_apart(values):
    written = column(values)
    assert len(written) == len(values)
    sizes = [abs(v) for v in values if v]
    if sizes and max(sizes) < 1e4 * min(sizes) and max(sizes) < 1e6 and min(sizes) >= 1e-4:
        assert len({len(text.partition(".")[2]) for text in written}) == 1


@given(st.floats(-1e14, 1e14), st.sampled_from([1.0, 2.0, 2.5, 5.0]), st.integers(-9, 9))
@example(0.00390625, 5.0, -9)  # nine decimals
def test_ticks_of_an_axis_are_told_apart(start, digit, power):
    step = digit * 10.0**power
    ticks = [start + i * step for i in range(4)]
    far = abs(start) > 1e6 * step  # such a range is drawn flat, with one tick
    assert far or len({tick(t, ticks) for t in ticks}) == 4


@given(st.lists(st.floats(0, 1), max_size=9))
def test_labels_are_moved_apart_stay_in_their_range_and_keep_their_order(places):
    moved = spread(places, 0.1, 0.0, 1.0)
    order = np.argsort(places, kind="stable")
    # Sums of a dozen numbers below 1: 1e-9 is far above their rounding and far below a pixel.
    assert all(moved[b] - moved[a] > 0.1 - 1e-9 for a, b in pairwise(order))
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in moved)


def test_labels_that_are_far_apart_stay_where_they_are():
    assert spread([0.9, 0.1, 0.5], 0.1, 0, 1) == [0.9, 0.1, 0.5]


@given(st.integers(1, 3000), st.integers(1, 50))
def test_thinning_keeps_every_peak_and_few_points(n, buckets):
    y = np.sin(np.arange(n) ** 1.5)
    kept = thin(y, buckets)
    assert len(kept) <= max(2 * buckets + 2, n if n <= 2 * buckets else 0)
    assert {0, n - 1, int(y.argmax()), int(y.argmin())} <= set(kept.tolist())
    assert (np.diff(kept) > 0).all()


def test_thinning_keeps_a_gap():
    y = np.zeros(1000)
    y[300:600] = np.nan
    assert np.isnan(y[thin(y, 20)]).sum() >= 4


def test_the_best_of_a_column_is_marked_and_a_missing_figure_is_not():
    html = table([Column("m"), Column("e", best=min)], [["a", 2.0], ["b", 1.0], ["c", None], ["d", math.nan]])
    assert html.count('class="best"') == 1
    assert '<td class="best" data-name="e"><span>1.00' in html
    assert html.count('class="none"') == 2


def test_what_stands_in_a_table_is_escaped():
    html = table([Column("<i>"), Column('"n"')], [["<b>", "<u>"]]) + facts({"<s>": "<em>"})
    assert not any(tag in html for tag in ("<i>", "<b>", "<u>", "<s>", "<em>"))
    assert 'data-name="&#34;n&#34;"' in html


def test_each_role_has_a_colour_of_its_own_and_both_screens():
    assert len({role.light for role in ROLES.values()}) == len(ROLES)
    assert all(role_of(colour(name)) == name for name in ROLES)
    assert all(f"--{name}:{role.dark}" in colour_rules() for name, role in ROLES.items())


def test_parameters_are_told_apart_in_grey():
    def lightness(hex_colour):
        linear = [int(hex_colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in linear]
        return 116 * float(np.dot(linear, [0.2126, 0.7152, 0.0722])) ** (1 / 3) - 16

    for screen in ("light", "dark"):
        grey = sorted(lightness(getattr(ROLES[name], screen)) for name in "WUV")
        assert min(np.diff(grey)) > 9  # L* steps; about 2 can just be seen side by side
