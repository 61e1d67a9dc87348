"""Where everything stands: the folded cell and the unrolled graph, for a wide page and for a narrow one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from everystep.draw.boxes import Box, Content, Shape, content, folded_content, shape
from everystep.draw.canvas import Point
from everystep.draw.dependence import Dependence, Link
from everystep.draw.graph import Graph
from everystep.draw.ink import Label
from everystep.draw.routes import ACROSS, DOWN, Compass

Column = int | None  # a step, or the gap where steps are left out
WIDE = 776.0  # of which a page of 720 makes text of 13 pixels 12
NARROW = 350.0
MARGIN = 10.0
LOOP = 68.0  # how far the loop of the folded cell reaches
DOTS = 30.0  # size of the dot-dot-dot
BARS = 76.0  # room for the gradient under the input
_LOOP_LABEL = 30.0
_HEADING = 62.0
_ROW_GAP = 58.0
_ARROW = 46.0


@dataclass(frozen=True)
class Subject:
    """What is drawn.

    Attributes:
        who: Name of the cell.
        step: What one step connects.
        graph: The unrolled graph.
        steps: T.
        parameters: Shape of each named parameter.
        learned: How many numbers the cell learns; None for a plain function.
    """

    who: str
    step: Dependence
    graph: Graph
    steps: int
    parameters: Mapping[str, tuple[int, ...]]
    learned: int | None

    @property
    def last(self) -> str:
        """Name the last output."""
        return self.step.rows[-1].at(self.steps)

    @property
    def has_gradient(self) -> bool:
        """Say whether a gradient of the last output with respect to an input is known."""
        return any(node.kind == "input" and node.gradient is not None for node in self.graph.nodes)


@dataclass(frozen=True)
class Layout:
    """A plan of the drawing.

    Attributes:
        compass: Which way time and depth run.
        columns: Steps that are shown.
        shapes: Shape of the boxes, by row.
        contents: What stands in them, by (row, column).
        boxes: Where they stand, by (row, column).
        folded_shapes, folded: The same for the folded cell, by row.
        arrow: Start and end of the arrow from folded to unrolled.
        headings: Where the two headings begin.
        end: Where the drawing ends, the legend still to come.
        rooms: How wide the label of a connection may be.
    """

    compass: Compass
    columns: list[Column]
    shapes: list[Shape]
    contents: Mapping[tuple[int, Column], Content]
    boxes: Mapping[tuple[int, Column], Box]
    folded_shapes: list[Shape]
    folded: list[Box]
    arrow: tuple[Point, Point]
    headings: tuple[Point, Point]
    end: Point
    rooms: Mapping[Label, float]


def columns(steps: int) -> list[Column]:
    """Choose the steps that are shown: all of a few; of many the first three and the last two."""
    return list(range(steps + 1)) if steps <= 6 else [0, 1, 2, 3, None, steps - 1, steps]


def wide(subject: Subject) -> Layout:
    """Place folded and unrolled side by side, time to the right."""
    shown, state = columns(subject.steps), subject.step.state
    folded_shapes = _folded_shapes(subject)
    half = max(each.width for each in folded_shapes) / 2
    folded_at = MARGIN + _LOOP_LABEL + LOOP * 0.75 + half
    arrow_at = folded_at + half + (52 if _skips(subject) else 12)
    left = arrow_at + _ARROW + 12
    contents, shapes = _fitting(subject, shown, WIDE - MARGIN - left, _least_gap(subject))
    time, gap = _spread(subject, shown, shapes, left)
    depth = _centres_upwards([max(pair) for pair in zip(*(map(_height, each) for each in (shapes, folded_shapes)), strict=True)])
    boxes = {place: _box((time[place[1]], depth[place[0]]), shapes[place[0]], place[1]) for place in _places(subject, shown)}
    folded = [_box((folded_at, depth[row]), each, 0) for row, each in enumerate(folded_shapes)]
    right = max(box.centre[0] + box.width / 2 for box in boxes.values())
    bottom = depth[0] + max(shapes[0].height, folded_shapes[0].height) / 2 + (BARS if subject.has_gradient else 0)
    standing = 34 + shapes[0].width / 2 if _skips(subject) else gap + shapes[state].width - 30
    return Layout(
        ACROSS, shown, shapes, contents, boxes, folded_shapes, folded,
        ((arrow_at, depth[state]), (arrow_at + _ARROW, depth[state])),
        ((MARGIN, 30.0), (left, 30.0)),
        (right + MARGIN, bottom + 10),
        _rooms(subject, ACROSS, lying=_between_states(boxes, state, shown) - 4, standing=standing),
    )  # fmt: skip


def narrow(subject: Subject) -> Layout:
    """Place folded above unrolled, time downwards, as wide as a telephone."""
    shown, state = columns(subject.steps), subject.step.state
    contents, shapes = _fitting(subject, shown, NARROW - 2 * MARGIN, 38)
    folded_shapes = _folded_shapes(subject)
    depth, gap = _centres_rightwards(shapes)
    half = max(each.height for each in folded_shapes) / 2
    folded_at = _HEADING + 0.75 * LOOP + 12 + half
    arrow_at = folded_at + half + (50 if _skips(subject) else 14)
    heading = arrow_at + _ARROW + 34
    pitch = max(each.height for each in shapes) + 50
    first = heading + 40 + shapes[state].height / 2
    time = {column: first + i * pitch for i, column in enumerate(shown)}
    boxes = {place: _box((depth[place[0]], time[place[1]]), shapes[place[0]], place[1]) for place in _places(subject, shown)}
    folded = [_box((depth[row], folded_at), each, 0) for row, each in enumerate(folded_shapes)]
    bottom = max(box.centre[1] + box.height / 2 for box in boxes.values()) + (34 if subject.has_gradient else 0)
    end = max(NARROW, depth[-1] + shapes[-1].width / 2 + MARGIN)
    return Layout(
        DOWN, shown, shapes, contents, boxes, folded_shapes, folded,
        ((end / 2, arrow_at), (end / 2, arrow_at + _ARROW)),
        ((MARGIN, 30.0), (MARGIN, heading)),
        (end, bottom + 10),
        _rooms(subject, DOWN, lying=gap - 12, standing=end - _rightmost_label(subject, depth) - 24),
    )  # fmt: skip


def _least_gap(subject: Subject) -> float:
    return 60 if _skips(subject) else 32


def _spread(subject: Subject, shown: list[Column], shapes: list[Shape], left: float) -> tuple[dict[Column, float], float]:
    """Place the columns from the left, as far apart as the page allows."""
    extents = [_extent(subject, column, shapes) for column in shown]
    least = _least_gap(subject)
    room = WIDE - MARGIN - left - sum(extents)
    gap = min(max(least, room / max(len(shown) - 1, 1)), least + 44)
    centres = {}
    for column, extent in zip(shown, extents, strict=True):
        centres[column] = left + extent / 2
        left += extent + gap
    return centres, gap


def _extent(subject: Subject, column: Column, shapes: list[Shape]) -> float:
    """Give the width of a column of nodes."""
    if column is None:
        return DOTS
    return shapes[subject.step.state].width if column == 0 else max(each.width for each in shapes)


def _between_states(boxes: Mapping[tuple[int, Column], Box], state: int, shown: list[Column]) -> float:
    """Give the room between the states of two steps: the least there is."""
    row = [boxes[state, column] for column in shown]
    return min((b.centre[0] - a.centre[0] - (a.width + b.width) / 2 for a, b in pairwise(row)), default=60.0)


def _rightmost_label(subject: Subject, depth: list[float]) -> float:
    """Say where the label that begins furthest to the right begins."""
    return max([(depth[link.source] + depth[link.target]) / 2 for link in subject.step.links if link.delayed] + [0.0])


def _height(shape: Shape) -> float:
    return shape.height


def _contents(
    subject: Subject, shown: list[Column], at_most: int
) -> tuple[dict[tuple[int, Column], Content], list[Shape]]:
    rows = subject.step.rows
    contents = {
        (node.row, node.t): content(node, rows[node.row].parts, at_most)
        for node in subject.graph.nodes
        if node.t in shown
    }
    by_row = [[each for (row, _), each in contents.items() if row == i] for i in range(len(rows))]
    shapes = [
        shape(row.kind, each or [folded_content(row.parts)]) for row, each in zip(rows, by_row, strict=True)
    ]
    return dict(contents), shapes


def _fitting(
    subject: Subject, shown: list[Column], room: float, gap: float
) -> tuple[dict[tuple[int, Column], Content], list[Shape]]:
    """Show as many numbers in each node as there is room for, all rows side by side or all columns."""
    for at_most in (3, 2, 1):
        contents, shapes = _contents(subject, shown, at_most)
        along = [_extent(subject, column, shapes) for column in shown] if room > NARROW else [each.width for each in shapes]
        if sum(along) + gap * (len(along) - 1) <= room:
            return contents, shapes
    return _contents(subject, shown, 0)


def _folded_shapes(subject: Subject) -> list[Shape]:
    return [shape(row.kind, [folded_content(row.parts)]) for row in subject.step.rows]


def _places(subject: Subject, shown: list[Column]) -> list[tuple[int, Column]]:
    return [(row, column) for column in shown for row in range(len(subject.step.rows)) if column != 0 or row == subject.step.state]


def _box(centre: Point, shape: Shape, column: Column) -> Box:
    return Box(centre, DOTS, DOTS) if column is None else Box(centre, shape.width, shape.height)


def _centres_upwards(heights: list[float]) -> list[float]:
    """Stack rows from the last at the top to the input at the bottom."""
    centres, top = [], _HEADING + 14
    for height in reversed(heights):
        centres.append(top + height / 2)
        top += height + _ROW_GAP
    return centres[::-1]


def _centres_rightwards(shapes: list[Shape]) -> tuple[list[float], float]:
    """Spread rows from the input at the left to the last at the right."""
    room = NARROW - 2 * MARGIN - sum(each.width for each in shapes)
    gap = max(38.0, room / max(len(shapes) - 1, 1))
    centres, left = [], MARGIN
    for each in shapes:
        centres.append(left + each.width / 2)
        left += each.width + gap
    return centres, gap


def _skips(subject: Subject) -> bool:
    return any(_is_skip(link) for link in subject.step.links)


def _is_skip(link: Link) -> bool:
    return not link.delayed and link.target - link.source > 1


def _rooms(subject: Subject, compass: Compass, *, lying: float, standing: float) -> dict[Label, float]:
    """Give the width that each label may have: the least over the places where it stands."""
    rooms: dict[Label, float] = {}
    for link in subject.step.links:
        along_time = link.delayed and link.source == link.target
        straight_up = not link.delayed and not _is_skip(link)
        lies = along_time if compass is ACROSS else straight_up
        rooms[link.parameters] = min(rooms.get(link.parameters, standing), lying if lies else standing)
    return rooms
