"""Nodes as boxes: what stands in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from everystep.draw.canvas import Canvas, Point
from everystep.draw.graph import Node
from everystep.draw.ink import INK, PAPER, QUIET, WASH
from everystep.draw.lettering import MATH, Run, at_time, name, number, width
from everystep.pages.labels import label

VALUE = 13  # px
CELL_HEIGHT = 21.0
_LETTERS = 10  # of a part's name
_PARTS = 3  # parts whose numbers are shown


@dataclass(frozen=True)
class Section:
    """One part of a node: its title, its first numbers, and whether there are more."""

    part: list[Run]
    title: list[Run]
    numbers: tuple[str, ...] = ()
    has_more: bool = False


@dataclass(frozen=True)
class Shape:
    """What the boxes of one row have in common."""

    kind: str
    width: float
    height: float
    cell: float = 20.0  # width of one number's cell


@dataclass(frozen=True)
class Box:
    """A node in its place."""

    centre: Point
    width: float
    height: float

    def side(self, direction: Point, aside: Point = (0.0, 0.0)) -> Point:
        """Give the middle of the side in a direction, moved by ``aside`` halves of the box."""
        x, y = self.centre
        across = direction[0] + aside[0], direction[1] + aside[1]
        return x + across[0] * self.width / 2, y + across[1] * self.height / 2


def sections(node: Node, parts: Sequence[str], at_most: int) -> list[Section]:
    """Say what stands in a node; at most so many numbers of each part."""
    value = node.value or {}
    found = []
    for i, part in enumerate(parts):
        own = value.get(part, ()) if i < _PARTS and at_most else ()
        shown = tuple(map(number, own[:at_most]))
        short = label(part, _LETTERS)
        found.append(Section(name(short), at_time([short], node.t), shown, len(own) > len(shown)))
    return found


def folded_sections(parts: Sequence[str]) -> list[Section]:
    """Say what stands in a node of the folded cell: its names, without a time."""
    return [Section(name(short), name(short)) for short in (label(part, _LETTERS) for part in parts)]


def title_size(sections: Sequence[Section]) -> int:
    """Choose the size of titles: words are set smaller than letters."""
    return MATH if all(section.part and section.part[0].serif for section in sections) else VALUE + 1


def cell_width(contents: Sequence[Sequence[Section]]) -> float:
    """Find the one width that all cells of a row have."""
    texts = [text for each in contents for section in each for text in section.numbers]
    return max([20.0] + [width(text, VALUE) + 6 for text in texts])


def draw_frame(canvas: Canvas, box: Box, shape: Shape) -> None:
    """Draw the outline of a node: the state rounded and tinted, all others plain."""
    remembers = shape.kind == "state"
    canvas.add(
        "rect", x=box.centre[0] - box.width / 2, y=box.centre[1] - box.height / 2, width=box.width, height=box.height,
        rx=14.0 if remembers else 4.0, fill=WASH if remembers else PAPER, stroke=INK, stroke_width=1.6,
    )  # fmt: skip


def draw_cell(canvas: Canvas, top_left: Point, cell: float, text: str) -> None:
    """Draw one number in its cell."""
    x, y = top_left
    canvas.add("rect", x=x, y=y, width=cell, height=CELL_HEIGHT, fill=PAPER, stroke=QUIET, stroke_width=0.8)
    canvas.text((x + cell / 2, y + CELL_HEIGHT / 2 + 4.5), text, size=VALUE)
