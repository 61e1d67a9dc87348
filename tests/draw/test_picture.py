import errno
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import torch

import everystep as es
from draw.cells_of_users import HostileNames, OwnCell, RunningSum, StreamCell, model3
from everystep.cells import CELLS
from everystep.draw.lettering import number
from everystep.pages import ROLES, Markup, embed, page
from looks import complaints

SVG = "{http://www.w3.org/2000/svg}"


def series(features, steps=5):
    return torch.randn(steps, features, generator=torch.Generator().manual_seed(0))


# Drawings that differ in what may go wrong.
DRAWINGS = {
    "worked example": lambda: es.draw(model3(), x=[1, 2, 3, 4, 5]),
    "fifty steps": lambda: es.draw(es.cells.Elman(1, 2, 1), x=series(1, 50)),
    "thousand steps": lambda: es.draw(es.cells.LSTM(1, 2), x=series(1, 1000)),
    "two parts": lambda: es.draw(es.cells.LSTM(2, 4), x=series(2)),
    "through the output": lambda: es.draw(es.cells.Jordan(1, 3, 1), x=series(1)),
    "a path past the state": lambda: es.draw(OwnCell(), x=series(2)),
    "a path past the state, one step": lambda: es.draw(OwnCell(), x=series(2, 1)),
    "streams": lambda: es.draw(StreamCell()),
    "autonomous": lambda: es.draw(es.cells.LinearSystem(0, 2, 1), T=4),
    "no parameters": lambda: es.draw(RunningSum(), x=[1e-9, -1e9, 3]),
    "hostile names": lambda: es.draw(HostileNames()),
    "no step": lambda: es.draw(es.cells.GRU(2, 3), T=0),
    "one step": lambda: es.draw(model3(), x=[1]),
}


@pytest.fixture(scope="module")
def drawings():
    return {name: make() for name, make in DRAWINGS.items()}


def texts(svg):
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", CELLS)
def test_every_registered_cell_is_drawn_as_valid_xml(name):
    drawing = es.draw(CELLS[name](2, 3), x=series(2))
    for svg in (drawing.wide, drawing.narrow):
        root = ET.fromstring(svg)
        assert root.get("role") == "img"
        assert [child.tag for child in root][:2] == [f"{SVG}title", f"{SVG}desc"]


def test_what_stands_in_the_drawing_is_what_the_graph_says():
    drawing = es.draw(model3(), x=[1, 2, 3, 4, 5])
    for svg in (drawing.wide, drawing.narrow):
        shown = texts(svg)
        assert {f"{letter}({t})" for letter in "xsy" for t in range(1, 6)} | {"s(0)"} <= set(shown)
        assert [shown.count(letter) for letter in "WUV"] == [6, 6, 6]  # one folded and five unrolled
        assert {"∂y(5)/∂x(t)", "unroll", "W 3 × 3".replace(" ", "  ", 1)} <= set(shown)
    assert "16 nodes and 15 edges" in drawing.wide
    assert "1 at x(3), 1 at x(4), 1 at x(5)" in drawing.wide


def test_a_drawing_is_the_same_bytes_every_time():
    assert len({es.draw(model3(), x=[1, 2, 3, 4, 5]).wide for _ in range(3)}) == 1
    assert len({es.draw(OwnCell()).narrow for _ in range(3)}) == 1


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_holds_nothing_that_a_strict_page_would_refuse_or_that_another_could_change(name, drawings):
    drawing = drawings[name]
    for svg in (drawing.wide, drawing.narrow):
        elements = list(ET.fromstring(svg).iter())
        used = {key for element in elements for key in element.attrib}
        assert not used & {"style", "id", "class", "href"}
        assert not {element.tag.removeprefix(SVG) for element in elements} & {"script", "style", "image"}
        assert all(float(e.get("font-size")) >= 12 for e in elements if e.get("font-size"))
        colours = {e.get(kind) for e in elements for kind in ("fill", "stroke")} - {None, "none"}
        assert colours <= {role.light for role in ROLES.values()}


def test_hostile_names_are_text():
    svg = es.draw(HostileNames()).wide
    assert "<script" not in svg
    assert "\x00" not in svg
    assert "\u202e" not in svg
    assert any("<script>&\"'" in text for text in texts(svg))


def test_parameters_are_told_apart_by_dash_and_not_only_by_colour():
    root = ET.fromstring(es.draw(model3()).wide)
    lines = {
        (e.get("stroke"), e.get("stroke-dasharray")) for e in root.iter(f"{SVG}path") if e.get("stroke-width") != "1"
    }
    lines = {line for line in lines if line[0] in {ROLES[letter].light for letter in "WUV"}}
    assert len(lines) == len({colour for colour, _ in lines}) == len({dash for _, dash in lines}) == 3


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_fits_its_page(name, drawings):
    drawing = drawings[name]
    # A page of 720 pixels shows the 13 pixels of the smallest text at 780 as 12; a telephone has 350.
    assert float(ET.fromstring(drawing.wide).get("width")) <= 780
    assert float(ET.fromstring(drawing.narrow).get("width")) <= 350


def test_a_long_sequence_is_shortened_in_the_middle():
    shown = texts(es.draw(model3(), x=torch.ones(50)).wide)
    assert [t for t in range(51) if f"s({t})" in shown] == [0, 1, 2, 3, 49, 50]


def test_no_steps_is_said():
    assert any("no step is taken" in text for text in texts(es.draw(model3(), T=0).wide))


def test_a_notebook_shows_the_drawing_and_str_is_its_svg():
    drawing = es.draw(model3())
    assert drawing._repr_svg_() == str(drawing) == drawing.wide


def test_save_writes_the_whole_svg_or_nothing(tmp_path, monkeypatch):
    path = tmp_path / "cell.svg"
    drawing = es.draw(model3())
    assert drawing.save(path) == path
    assert path.read_text(encoding="utf-8") == str(drawing)

    def full(self, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        es.draw(OwnCell()).save(path)
    assert path.read_text(encoding="utf-8") == str(drawing)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "0"), (-0.0, "0"), (12.0, "12"), (0.5, "0.5"), (-0.666, "−0.67"), (9.996, "10"), (99.96, "100"),
        (0.004, "4e−3"), (123456.0, "1e5"), (-1e-30, "−1e−30"), (float("inf"), "∞"),
        (float("-inf"), "−∞"), (float("nan"), "nan"),
    ],
)  # fmt: skip
def test_numbers_are_written_short(value, written):
    assert number(value) == written


def test_in_a_page_every_drawing_is_readable_on_every_screen(browser, drawings, tmp_path):
    body = Markup("").join(
        Markup("<figure>{}{}</figure>").format(
            embed(drawing.wide, title=name, alt=name, classes="chart natural wide"),
            embed(drawing.narrow, title=name, alt=name, classes="chart natural narrow"),
        )
        for name, drawing in drawings.items()
    )
    cut = "is cut by the page's end"  # a tall drawing may be: it is as tall as the cell has rows
    assert [said for said in complaints(browser, page("Drawings", body), tmp_path) if cut not in said] == []
