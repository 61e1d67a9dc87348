"""The checks of ``looks`` find what they are meant to find, and the charts pass them at their worst."""

from __future__ import annotations

import numpy as np
import pytest

from everystep.pages import (
    Band,
    Column,
    Dot,
    Line,
    Mark,
    Markup,
    Panel,
    dot_chart,
    facts,
    heat_chart,
    line_chart,
    page,
    table,
)  # fmt: skip
from looks import complaints

UGLY = {
    "is 9.0 px": ('<p class="a">small</p>', ".a{font-size:9px}"),
    "scrolls sideways": ('<div class="a">wide</div>', ".a{width:2000px}"),
    "lies over": ('<p>one line of text</p><p class="a">another line of text</p>', ".a{margin-top:-40px}"),
    "contrast of": ('<p class="a">pale</p>', ".a{color:#bbbbbb}"),
    "asked for": ('<img src="http://127.0.0.1:9/x.png">', ""),
    "console error": ('<p style="color:red">red</p>', ""),
    "is used twice": ('<p id="a">a</p><p id="a">b</p>', ""),
    "cut by the page": ("<figure><div class=a></div></figure>", ".a{height:2000px}"),
    "leaves its picture": ('<svg viewBox="0 0 100 50"><text x="95" y="20">out of it</text></svg>', ""),
}


@pytest.mark.parametrize("complaint", UGLY)
def test_an_ugly_page_is_complained_about(browser, tmp_path, complaint):
    body, style = UGLY[complaint]
    assert complaint in "\n".join(complaints(browser, page("t", Markup(body), style=style), tmp_path))


def test_small_text_inside_a_shrunk_picture_is_found(browser, tmp_path):
    body = '<svg viewBox="0 0 1400 50" width="700"><text x="5" y="30" font-size="20">halved</text></svg>'
    assert any("is 10.0 px" in said for said in complaints(browser, page("t", Markup(body)), tmp_path))


def gallery(scale, name):
    rng = np.random.default_rng(0)
    x = np.arange("2020-01-01", "2020-03-01", dtype="datetime64[D]")
    y = scale * (5 + rng.normal(size=len(x)).cumsum())
    many = [Line(f"{name} {i}", x, y + scale * 0.01 * i) for i in range(12)]
    said = {"title": name, "alt": name, "heading": name}
    return [
        line_chart(many, bands=[Band(name, x, y - scale, y + scale)], marks=[Mark(x[3], name)], y_name=name, **said),
        line_chart([Line(name, np.arange(3) + 10**9, y[:3])], x_name=name, y_name=name, **said),
        line_chart([Line(name, np.array([7]), y[:1])], marks=[Mark(7, name)], **said),
        line_chart([Line(name, np.geomspace(1, 9, 30), np.exp(y[:30] / scale))], log=True, y_name=name, **said),
        dot_chart([Dot(f"{name} {i}", scale * i, f"{i}") for i in range(9)], x_name=name, **said),
        heat_chart(
            [Panel(name, rng.uniform(size=(3, 40))), Panel(name, rng.normal(size=(1, 40)), signed=True)], **said
        ),
        table([Column(name), *(Column(f"{i} {n}", best=min) for i, n in enumerate("abcd"))], [[name, *y[:4]]] * 3),
        facts({name: name, "b": scale}),
    ]


@pytest.mark.parametrize(("scale", "name"), [(1e12, "load"), (1e-9, "<script>alert(1)</script>" + "W" * 10_000)])
def test_charts_and_tables_look_right_at_any_scale_and_with_endless_names(browser, tmp_path, scale, name):
    assert complaints(browser, page("gallery", Markup("\n").join(gallery(scale, name))), tmp_path) == []
