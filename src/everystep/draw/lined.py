"""Nodes whose numbers stand side by side, one line for each part. For time that runs downwards."""

from __future__ import annotations

from collections.abc import Sequence

from everystep.draw.boxes import CELL_HEIGHT, VALUE, Box, Section, Shape, cell_width, draw_cell, draw_frame, title_size
from everystep.draw.canvas import Canvas
from everystep.draw.ink import QUIET
from everystep.draw.lettering import Run, width

_TITLE, _LINE, _DOTS = 38.0, 25.0, 16.0


def shape(kind: str, contents: Sequence[Sequence[Section]]) -> Shape:
    """Find the one size that all boxes of a row have."""
    cell = cell_width(contents)
    title = max(width(_title(each), title_size(each)) for each in contents)
    lines = [_prefix(each) + _length(section, cell) for each in contents for section in each if section.numbers]
    count = max(sum(bool(section.numbers) for section in each) for each in contents)
    height = _TITLE + (_LINE * count + 4 if count else 0)
    return Shape(kind, max(title + 14, max(lines, default=0) + 12, 42.0), height, cell)


def draw(canvas: Canvas, box: Box, shape: Shape, content: Sequence[Section]) -> None:
    """Draw a node."""
    draw_frame(canvas, box, shape)
    x, top = box.centre[0], box.centre[1] - box.height / 2
    canvas.text((x, top + _TITLE / 2 + 6), _title(content), size=title_size(content))
    y = top + _TITLE - 3
    for section in content:
        if section.numbers:
            left = x - (_prefix(content) + _length(section, shape.cell)) / 2
            _draw_line(canvas, (left, y), _prefix(content), shape.cell, section)
            y += _LINE


def _draw_line(canvas: Canvas, at: tuple[float, float], prefix: float, cell: float, section: Section) -> None:
    (left, y), baseline = at, at[1] + CELL_HEIGHT / 2 + 4.5
    if prefix:
        canvas.text((left + prefix - 5, baseline), section.part, size=VALUE, anchor="end", fill=QUIET)
    for i, text in enumerate(section.numbers):
        draw_cell(canvas, (left + prefix + i * cell, y), cell, text)
    if section.has_more:
        canvas.text((left + prefix + len(section.numbers) * cell + _DOTS / 2 + 1, baseline), "…", fill=QUIET)


def _title(content: Sequence[Section]) -> list[Run]:
    """Write the parts of a node in one line, no more than two of them."""
    runs = list(content[0].title)
    for section in content[1:2]:
        runs += [Run(", ", serif=True), *section.title]
    return [*runs, Run(", …", serif=True)] if len(content) > 2 else runs


def _prefix(content: Sequence[Section]) -> float:
    """Give the room for the parts' names before their numbers; none where there is only one part."""
    return max(width(section.part, VALUE) for section in content) + 6 if len(content) > 1 else 0.0


def _length(section: Section, cell: float) -> float:
    return cell * len(section.numbers) + _DOTS * section.has_more
