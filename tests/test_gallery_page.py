"""The gallery's list is that of the registry, and every cell has a page that says what it must."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

from everystep.cells import CELLS
from renewing import held


@pytest.fixture
def pages(monkeypatch, repository):
    monkeypatch.syspath_prepend(str(repository / "docs"))
    return importlib.import_module("gallery_pages")


def test_the_list_is_the_registry(pages):
    held(pages.with_list(pages.LIST.read_text(encoding="utf-8")), pages.LIST)


@pytest.mark.parametrize("name", sorted(CELLS))
def test_a_cell_says_its_equation_its_source_its_start_and_how_to_run_it(name, pages):
    kind = pages.kind_of(name)
    told = inspect.getdoc(kind) or ""
    assert ".. math::" in told
    assert pages.source(name)
    assert ">>> " in told
    assert re.search(r"\bstarts?\b", told)  # how parameters start, and why
    for part, explained in zip(kind.State._fields, state_lines(kind), strict=True):
        assert explained.startswith(f"{part}: Tensor  # (batch, "), "each part of the state has a line with its shape"


def state_lines(kind):
    lines = inspect.getsource(kind.State).splitlines()
    return [line.strip() for line in lines if ": Tensor" in line]


def test_a_page_has_its_equation_pictures_parameters_and_step(pages, monkeypatch, tmp_path):
    monkeypatch.setattr(pages, "FOLDER", tmp_path)
    monkeypatch.setattr(pages, "CELLS", {"mgu": CELLS["mgu"]})
    pages.write()
    assert {path.name for path in tmp_path.iterdir()} == {"mgu.md", "mgu.svg", "mgu-narrow.svg"}
    page = (tmp_path / "mgu.md").read_text(encoding="utf-8")
    assert page.startswith("# MGU\n")
    assert ".. autoclass:: everystep.cells.MGU\n" in page
    assert "```{image} mgu.svg\n" in page
    assert "```{image} mgu-narrow.svg\n" in page
    assert all(f"| `{weight}` |" in page for weight in ("W", "U", "b"))
    assert "h' = (1 - forget) * h + forget * candidate" in page
