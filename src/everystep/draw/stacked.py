"""Nodes whose numbers stand below each other, as column vectors do; parts too. For time that runs to the right."""

from __future__ import annotations

from collections.abc import Sequence

from everystep.draw.boxes import (
    CELL_HEIGHT,
    Box,
    Section,
    Shape,
    cell_width,
    draw_cell,
    draw_frame,
    title_size,
)
from everystep.draw.canvas import Canvas
from everystep.draw.ink import QUIET
from everystep.draw.lettering import width

_TITLE, _DOTS, _PAD = 25.0, 15.0, 6.0


def shape(kind: str, contents: Sequence[Sequence[Section]]) -> Shape:
    """Find the one size that all boxes of a row have."""
    cell = cell_width(contents)
    title = max(width(section.title, title_size(each)) for each in contents for section in each)
    height = max(sum(map(_height, each)) for each in contents) + 2 * _PAD
    has_numbers = any(section.numbers for each in contents for section in each)
    return Shape(kind, max(title + 14, (cell + 10) * has_numbers, 42.0), max(height, 38.0), cell)


def draw(canvas: Canvas, box: Box, shape: Shape, content: Sequence[Section]) -> None:
    """Draw a node."""
    draw_frame(canvas, box, shape)
    x = box.centre[0]
    y = box.centre[1] - sum(map(_height, content)) / 2
    size = title_size(content)
    for section in content:
        canvas.text((x, y + _TITLE / 2 + 0.33 * size), section.title, size=size)
        y += _TITLE
        for text in section.numbers:
            draw_cell(canvas, (x - shape.cell / 2, y), shape.cell, text)
            y += CELL_HEIGHT
        if section.has_more:
            _draw_more(canvas, x, y)
            y += _DOTS
        y += _end(section)


def _height(section: Section) -> float:
    return _TITLE + CELL_HEIGHT * len(section.numbers) + _DOTS * section.has_more + _end(section)


def _end(section: Section) -> float:
    return 3.0 if section.numbers and not section.has_more else 0.0


def _draw_more(canvas: Canvas, x: float, y: float) -> None:
    for i in range(3):
        canvas.add("circle", cx=x, cy=y + 4.0 + 4.5 * i, r=1.3, fill=QUIET)
