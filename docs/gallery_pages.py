"""The pages of the gallery, made from the registry: a page and two pictures a cell, and the table that lists them.

`make docs` writes pages and pictures into docs/gallery; the table stands in docs/gallery.md and is held by a test.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

from everystep import cells
from everystep.cells import CELLS
from everystep.draw import draw
from everystep.unroll import explain, unroll

DOCS = Path(__file__).parent
FOLDER = DOCS / "gallery"
LIST = DOCS / "gallery.md"
SIZE = 64  # features of x and of the state, where parameters are counted
START, END = "<!-- The list is made from the registry. -->", "<!-- The list ends. -->"
SPEED = re.compile(r"^\| (?P<cell>\w+) \| (?P<ours>[\d.]+) \| (?P<lstm>[\d.]+) \|", re.MULTILINE)
HEAD = ("cell", "what it is", "remembers", "records", "parameters", "source")


def write(_app: Any = None) -> None:
    """Write every page and picture into docs/gallery."""
    FOLDER.mkdir(exist_ok=True)
    for name in CELLS:
        drawing = draw(CELLS[name](2, 3), T=3)
        drawing.save(FOLDER / f"{name}.svg")
        (FOLDER / f"{name}-narrow.svg").write_text(drawing.narrow, encoding="utf-8")
        (FOLDER / f"{name}.md").write_text(page(name), encoding="utf-8")


def page(name: str) -> str:
    """The page of one cell."""
    kind, told = kind_of(name), first_line(name)
    parts = [
        f"# {title(name)}",
        f'{told[:-1]}: `CELLS["{name}"](input_size, hidden_size)`.',
        picture(name),
        f"```{{eval-rst}}\n.. autoclass:: everystep.cells.{kind.__name__}\n{_indexed(name)}```",
        "## Parameters",
        parameters(name),
        "## The step, as the compiler reads it",
        f"```text\n{explain(CELLS[name](SIZE, SIZE)).step}\n```",
    ]
    return "\n\n".join([*parts, *speed(name)]) + "\n"


def picture(name: str) -> str:
    """The step folded and unrolled, for wide and for narrow screens."""
    told = f":alt: {name}, folded and unrolled over three steps"
    return "\n\n".join(
        f"```{{image}} {name}{which}.svg\n{told}\n:class: on-{screens}\n```"
        for which, screens in (("", "wide-screens"), ("-narrow", "narrow-screens"))
    )


def _indexed(name: str) -> str:
    """A class with several forms is indexed with the first of them."""
    first = next(other for other in CELLS if kind_of(other) is kind_of(name))
    return "" if name == first else "   :no-index:\n"


def parameters(name: str) -> str:
    """Names, shapes and how many, at one size."""
    named = dict(CELLS[name](SIZE, SIZE).named_parameters())
    lines = [
        f"At {SIZE} features of x and {SIZE} of the state.",
        "",
        "| name | shape | numbers |",
        "| :-- | :-- | --: |",
    ]
    lines += [
        f"| `{weight}` | {' × '.join(map(str, value.shape))} | {value.numel():,} |" for weight, value in named.items()
    ]
    return "\n".join([*lines, f"| all | | {sum(value.numel() for value in named.values()):,} |"])


def speed(name: str) -> list[str]:
    """How fast it is beside torch's LSTM, if it was measured."""
    for found in SPEED.finditer(LIST.read_text(encoding="utf-8")):
        if found["cell"] == name:
            times = float(found["lstm"]) / float(found["ours"])
            return [
                "## Speed",
                f"A training step takes {found['ours']} ms where `torch.nn.LSTM` takes {found['lstm']} ms, {times:.1f} "
                "times as long; {doc}`the gallery <../gallery>` says at what size, on which machine, beside what else.",
            ]
    return []


def listed() -> str:
    """The table of all cells."""
    lines = [f"| {' | '.join(HEAD)} |", "| :-- | :-- | :-- | :-- | --: | :-- |"]
    return "\n".join([*lines, *(f"| {' | '.join(row(name))} |" for name in sorted(CELLS))])


def row(name: str) -> list[str]:
    """What the table says of one cell."""
    cell = CELLS[name](SIZE, SIZE)
    taps = [tap for tap in recorded(name) if tap not in cell.part_sizes]
    count = sum(value.numel() for value in cell.parameters())
    link = f"{{doc}}`{title(name)} <gallery/{name}>`, `{name}`"
    return [link, first_line(name)[:-1], ", ".join(cell.part_sizes), ", ".join(taps), f"{count:,}", source(name)]


def recorded(name: str) -> list[str]:
    """What can be recorded of a cell."""
    return list(unroll(CELLS[name](1, 2), torch.zeros(1, 1, 1), record="all", engine="reference").record)


def kind_of(name: str) -> Any:
    """The class of a registered cell."""
    return CELLS[name].func  # the registry holds partial classes


def title(name: str) -> str:
    """The class, with the settings of this form."""
    settings = ", ".join(f"{setting} {value}" for setting, value in CELLS[name].keywords.items())
    return f"{kind_of(name).__name__}, {settings}" if settings else kind_of(name).__name__


def first_line(name: str) -> str:
    """What the class says it is."""
    return (kind_of(name).__doc__ or "").partition("\n")[0]


def source(name: str) -> str:
    """Who published it first, and when."""
    found = re.search(r"Source: (?P<who>[^\"]+?\(\d{4}\))", kind_of(name).__doc__ or "", re.DOTALL)
    assert found is not None, f"{name} names no source"
    return re.sub(r"\s+", " ", found["who"])


def with_list(text: str) -> str:
    """The page of the gallery with the table as it is now."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{listed()}\n\n{END}{after}"


assert cells  # the room fills the registry
