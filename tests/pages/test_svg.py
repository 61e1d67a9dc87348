from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np

from everystep.pages import Line, Panel, embed, heat_chart, line_chart, page
from everystep.pages.charts import DASHES


def lines(name="a", n=50):
    return [Line(name, np.arange(n), np.sin(np.arange(n)), dash=dash) for dash in DASHES]


def test_no_style_attribute_no_style_sheet_and_no_metadata_survive():
    html = line_chart(lines(), title="t", alt="a")
    assert not re.search(r"\bstyle=|<style|<metadata|<\?xml|<!DOCTYPE", html)


def test_text_stays_text_and_takes_the_page_s_font():
    html = line_chart(lines("my line"), title="t", alt="a", y_name="kilowatts")
    assert re.search(r"<text[^>]*>my line</text>", html)
    assert "DejaVu" not in html


def test_the_same_chart_has_the_same_bytes():
    assert line_chart(lines(), title="t", alt="a") == line_chart(lines(), title="t", alt="a")


def test_ids_of_different_charts_differ_and_each_reference_finds_its_own():
    html = line_chart(lines(), title="t", alt="a") + line_chart(lines(n=60), title="t", alt="a")
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", html)) | set(re.findall(r'href="#([^"]+)"', html)) <= set(ids)


def test_colours_of_the_palette_follow_the_page():
    html = line_chart([Line("W", np.arange(3), np.arange(3), role="W")], title="t", alt="a")
    assert 'class="stroke-W"' in html
    assert 'stroke="#003f7d"' in html  # as a file of its own it has its colour still


def test_a_picture_is_named_for_readers_who_cannot_see_it():
    svg = embed('<svg xmlns="http://www.w3.org/2000/svg"/>', title="a < b", alt='she said "c"')
    root = ET.fromstring(svg)
    named = {e.get("id"): e.text for e in root}
    assert root.get("role") == "img"
    assert [named[i] for i in root.get("aria-labelledby").split()] == ["a < b", 'she said "c"']


def test_a_hundred_thousand_points_make_a_small_page():
    many = [Line(str(i), np.arange(100_000), np.random.default_rng(i).normal(size=100_000)) for i in range(3)]
    assert len(page("t", line_chart(many, title="t", alt="a"))) < 300_000


def test_dollar_signs_are_no_formula():
    assert "$x_1^2$" in line_chart(lines("$x_1^2$"), title="t", alt="a")


def test_letters_that_the_measuring_font_lacks_are_drawn_without_a_warning():
    assert "日本語 \U0001f600" in line_chart(lines("日本語 \U0001f600"), title="t", alt="a")


def test_heat_maps_are_small_pictures_inside_the_page():
    html = heat_chart([Panel("g", np.random.default_rng(0).uniform(size=(64, 300)))], title="t", alt="a")
    assert html.count("data:image/png;base64,") == 2
    assert len(html) < 400_000
