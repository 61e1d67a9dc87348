"""A plan of a drawing: where everything stands. ``wide`` and ``narrow`` make one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from everystep.draw.boxes import Box, Section, Shape, folded_sections, sections
from everystep.draw.canvas import Canvas, Point
from everystep.draw.dependence import Link
from everystep.draw.ink import Label
from everystep.draw.routes import Compass
from everystep.draw.subject import Subject

Column = int | None  # a step, or the gap where steps are left out
Contents = Mapping[tuple[int, Column], list[Section]]
ShapeOf = Callable[[str, Sequence[Sequence[Section]]], Shape]
DrawBox = Callable[[Canvas, Box, Shape, Sequence[Section]], None]

MARGIN = 10.0
HEADING = 62.0  # height of a heading with the line below it
ARROW = 46.0  # length of the arrow from folded to unrolled
LOOP = 68.0  # how far the loop of the folded cell reaches
DOTS = 30.0  # size of the dot-dot-dot


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A plan of the drawing.

    Attributes:
        compass: Which way time and depth run.
        columns: Steps that are shown.
        shapes: Shape of the boxes, by row.
        contents: What stands in them, by (row, column).
        boxes: Where they stand, by (row, column).
        folded_shapes: Shape of the folded cell's boxes, by row.
        folded: Where they stand, by row.
        draw_box: Draws a box with its contents.
        arrow: Start and end of the arrow from folded to unrolled.
        headings: Where the two headings begin.
        end: Where the drawing ends, the legend still to come.
        rooms: How wide the label of a connection may be.
    """

    compass: Compass
    columns: list[Column]
    shapes: list[Shape]
    contents: Contents
    boxes: Mapping[tuple[int, Column], Box]
    folded_shapes: list[Shape]
    folded: list[Box]
    draw_box: DrawBox
    arrow: tuple[Point, Point]
    headings: tuple[Point, Point]
    end: Point
    rooms: Mapping[Label, float]


def columns(steps: int, first: int = 3, last: int = 2) -> list[Column]:
    """Choose the steps that are shown: all of a few; of many the first and the last."""
    if steps <= first + last + 1:
        return list(range(steps + 1))
    return [*range(first + 1), None, *range(steps - last + 1, steps + 1)]


def is_bypass(link: Link) -> bool:
    """Say whether a connection passes a row that lies between its ends."""
    return not link.delayed and link.target - link.source > 1


def bypasses(subject: Subject) -> list[Link]:
    """Give the connections that pass a row."""
    return [link for link in subject.step.links if is_bypass(link)]


def has_bypass(subject: Subject) -> bool:
    """Say whether any connection passes a row."""
    return bool(bypasses(subject))


def contents(subject: Subject, shown: list[Column], at_most: int) -> Contents:
    """Say what stands in every box that is shown; at most so many numbers of each part."""
    rows = subject.step.rows
    nodes = [node for node in subject.graph.nodes if node.t in shown]
    return {(node.row, node.t): sections(node, rows[node.row].parts, at_most) for node in nodes}


def shapes(subject: Subject, contents: Contents, shape: ShapeOf) -> list[Shape]:
    """Find the shape of the boxes of each row."""
    found = []
    for i, row in enumerate(subject.step.rows):
        own = [each for (r, _), each in contents.items() if r == i]
        found.append(shape(row.kind, own or [folded_sections(row.parts)]))
    return found


def folded_shapes(subject: Subject, shape: ShapeOf) -> list[Shape]:
    """Find the shapes of the folded cell's boxes."""
    return [shape(row.kind, [folded_sections(row.parts)]) for row in subject.step.rows]


def place(
    subject: Subject, shown: list[Column], shapes: list[Shape], centre: Callable[[int, Column], Point]
) -> dict[tuple[int, Column], Box]:
    """Put a box of each row into each column; before the first step only the state's."""
    state = subject.step.state
    places = [(row, column) for column in shown for row in range(len(shapes)) if column != 0 or row == state]
    return {(row, column): box_at(centre(row, column), shapes[row], column) for row, column in places}


def box_at(centre: Point, shape: Shape, column: Column = 0) -> Box:
    """Give the box of a shape; a small one for the dots where steps are left out."""
    return Box(centre, DOTS, DOTS) if column is None else Box(centre, shape.width, shape.height)
