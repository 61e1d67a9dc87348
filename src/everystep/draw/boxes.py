"""Nodes as boxes: what stands in them, and how large they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from everystep.draw.canvas import Canvas, Point
from everystep.draw.graph import Node, Values
from everystep.draw.ink import INK, PAPER, QUIET, WASH
from everystep.draw.lettering import MATH, Run, at_time, name, names, number, width

VALUE = 13  # px
_MORE = 16.0  # room for the dots after the numbers that are shown
_CELL_HEIGHT = 21.0
_TITLE_HEIGHT = 38.0
_PARTS = 3  # parts of a state whose numbers are shown


@dataclass(frozen=True)
class Line:
    """The numbers of one part: its name where there are several, the first numbers, and whether there are more."""

    prefix: list[Run]
    numbers: list[str]
    has_more: bool


@dataclass(frozen=True)
class Content:
    """What stands in a node: a title, and a line of numbers for each part."""

    title: list[Run]
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Shape:
    """What the boxes of one row have in common."""

    kind: str
    width: float
    height: float
    prefix: float = 0.0  # room for the parts' names
    cell: float = 0.0  # width of one number's cell


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


def content(node: Node, parts: Sequence[str], at_most: int) -> Content:
    """Say what stands in a node; at most so many numbers of each part, none for 0."""
    title = at_time(parts, node.t)
    return Content(title, _lines(node.value, parts, at_most) if at_most else ())


def folded_content(parts: Sequence[str]) -> Content:
    """Say what stands in a node of the folded cell: its name, without a time."""
    return Content(names(parts))


def shape(kind: str, contents: Sequence[Content]) -> Shape:
    """Find the one size that all boxes of a row have."""
    title = max(width(each.title, MATH) for each in contents)
    lines = [line for each in contents for line in each.lines]
    cell = max([20.0] + [width(text, VALUE) + 8 for line in lines for text in line.numbers])
    prefix = max([0.0] + [width(line.prefix, VALUE) + 6 for line in lines if line.prefix])
    numbers = max([0.0] + [prefix + cell * len(line.numbers) + _MORE * line.has_more for line in lines])
    height = _TITLE_HEIGHT + max((len(each.lines) for each in contents), default=0) * (_CELL_HEIGHT + 4)
    return Shape(kind, max(title + 14, numbers + 12, 42.0), height + (4 if lines else 0), prefix, cell)


def draw_box(canvas: Canvas, box: Box, shape: Shape, content: Content) -> None:
    """Draw a node: the state rounded and tinted, all others plain."""
    x, y = box.centre
    left, top = x - box.width / 2, y - box.height / 2
    remembers = shape.kind == "state"
    canvas.add(
        "rect", x=left, y=top, width=box.width, height=box.height, rx=16.0 if remembers else 5.0,
        fill=WASH if remembers else PAPER, stroke=INK, stroke_width=1.6,
    )  # fmt: skip
    canvas.text((x, top + _TITLE_HEIGHT / 2 + 6), content.title, size=MATH)
    for i, line in enumerate(content.lines):
        _draw_numbers(canvas, (x, top + _TITLE_HEIGHT - 3 + i * (_CELL_HEIGHT + 4)), shape, line)


def _draw_numbers(canvas: Canvas, top: Point, shape: Shape, line: Line) -> None:
    left = top[0] - (shape.prefix + shape.cell * len(line.numbers) + _MORE * line.has_more) / 2
    baseline = top[1] + _CELL_HEIGHT / 2 + 4.5
    if line.prefix:
        canvas.text((left + shape.prefix - 5, baseline), line.prefix, size=VALUE, anchor="end", fill=QUIET)
    for i, text in enumerate(line.numbers):
        x = left + shape.prefix + i * shape.cell
        canvas.add(
            "rect", x=x, y=top[1], width=shape.cell, height=_CELL_HEIGHT, fill=PAPER, stroke=QUIET, stroke_width=0.8
        )
        canvas.text((x + shape.cell / 2, baseline), text, size=VALUE)
    if line.has_more:
        end = left + shape.prefix + shape.cell * len(line.numbers)
        canvas.text((end + _MORE / 2 + 1, baseline), "…", size=VALUE, fill=QUIET)


def _lines(value: Values | None, parts: Sequence[str], at_most: int) -> tuple[Line, ...]:
    if value is None:
        return ()
    shown = [part for part in parts if value[part]][:_PARTS]
    return tuple(
        Line(
            name(part) if len(parts) > 1 else [],
            [number(each) for each in value[part][:at_most]],
            len(value[part]) > at_most,
        )
        for part in shown
    )
