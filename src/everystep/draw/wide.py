"""Folded and unrolled side by side, time to the right."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from everystep.draw import stacked
from everystep.draw.boxes import Box, Shape
from everystep.draw.ink import Label
from everystep.draw.layout import (
    ARROW,
    DOTS,
    HEADING,
    LOOP,
    MARGIN,
    Column,
    Contents,
    Layout,
    box_at,
    bypasses,
    columns,
    contents,
    folded_shapes,
    has_bypass,
    is_bypass,
    place,
    shapes,
)
from everystep.draw.lettering import MATH, SMALL, label_size, names, width
from everystep.draw.routes import ACROSS, AFTER_BYPASS, BYPASS, CLEAR
from everystep.draw.subject import Subject
from everystep.draw.words import headings

WIDTH = 776.0  # a page of 720 shows text of 13 pixels as 12
BARS = 76.0  # room for the gradient under the input
_LOOP_LABEL = 30.0
_ROW_GAP = 58.0


def wide(subject: Subject) -> Layout:
    """Plan a drawing for a page of 720 pixels or more."""
    state = subject.step.state
    folded = folded_shapes(subject, stacked.shape)
    half = max(each.width for each in folded) / 2
    folded_at = MARGIN + _LOOP_LABEL + 0.75 * LOOP + half
    arrow_at = folded_at + half + (BYPASS + 6 if has_bypass(subject) else 12)
    left = arrow_at + ARROW + 12
    shown, filled, sizes = _fitting(subject, left)
    time, gap = _spread(subject, shown, sizes, left)
    heights = [max(one.height, other.height) for one, other in zip(sizes, folded, strict=True)]
    depth = _upwards(heights)
    boxes = place(subject, shown, sizes, lambda row, column: (time[column], depth[row]))
    rooms = _rooms(subject, boxes, shown, gap)
    return Layout(
        compass=ACROSS,
        columns=shown,
        shapes=sizes,
        contents=filled,
        boxes=boxes,
        folded_shapes=folded,
        folded=[box_at((folded_at, depth[row]), each) for row, each in enumerate(folded)],
        draw_box=stacked.draw,
        arrow=((arrow_at, depth[state]), (arrow_at + ARROW, depth[state])),
        headings=((MARGIN, 30.0), (left, 30.0)),
        end=(
            max(_right(subject, boxes), left + _heading_width(subject)) + MARGIN,
            depth[0] + heights[0] / 2 + (BARS if subject.has_gradient else 0) + 10,
        ),
        rooms=rooms,
    )


def _fitting(subject: Subject, left: float) -> tuple[list[Column], Contents, list[Shape]]:
    """Stack as many numbers in each node as look well; none, then fewer steps, where they would not fit."""
    most = max(len(row.parts) for row in subject.step.rows)
    numbers = 3 if most == 1 else 2 if most == 2 else 1
    tried = []
    for shown in (columns(subject.steps), columns(subject.steps, 2, 1), columns(subject.steps, 1, 1)):
        for at_most in (numbers, 0):
            filled = contents(subject, shown, at_most)
            sizes = shapes(subject, filled, stacked.shape)
            tried.append((shown, filled, sizes))
            if left + _length(subject, shown, sizes, _least_gap(subject)) <= WIDTH - MARGIN:
                return tried[-1]
    return tried[-1]


def _length(subject: Subject, shown: list[Column], sizes: list[Shape], gap: float) -> float:
    extents = [_extent(subject, column, sizes) for column in shown]
    return sum(extents) + gap * (len(shown) - 1) + _swing(subject)


def _spread(
    subject: Subject, shown: list[Column], sizes: list[Shape], left: float
) -> tuple[dict[Column, float], float]:
    """Place the columns from the left, as far apart as the page allows."""
    least = _least_gap(subject)
    spare = WIDTH - MARGIN - left - _length(subject, shown, sizes, least)
    gap = least + min(max(spare / max(len(shown) - 1, 1), 0), 44)
    centres: dict[Column, float] = {}
    for column in shown:
        extent = _extent(subject, column, sizes)
        centres[column] = left + extent / 2
        left += extent + gap
    return centres, gap


def _least_gap(subject: Subject) -> float:
    return BYPASS + 18 if has_bypass(subject) else 30


def _extent(subject: Subject, column: Column, sizes: list[Shape]) -> float:
    """Give the width of a column of nodes."""
    if column is None:
        return DOTS
    return sizes[subject.step.state].width if column == 0 else max(each.width for each in sizes)


def _upwards(heights: list[float]) -> list[float]:
    """Stack rows from the last at the top to the input at the bottom."""
    centres, top = [], HEADING + 14
    for height in reversed(heights):
        centres.append(top + height / 2)
        top += height + _ROW_GAP
    return centres[::-1]


def _right(subject: Subject, boxes: Mapping[tuple[int, Column], Box]) -> float:
    """Say how far the last column reaches, with the connections that swing out of it."""
    return max(box.side((1.0, 0.0))[0] for box in boxes.values()) + _swing(subject)


def _swing(subject: Subject) -> float:
    """Say how far connections that pass a row reach beyond the last column, with their labels."""
    labels = [names([name.removesuffix(".weight") for name in link.parameters]) for link in bypasses(subject)]
    return 0.75 * BYPASS + max(min(width(runs, label_size(runs)), BYPASS) for runs in labels) if labels else 0.0


def _heading_width(subject: Subject) -> float:
    return max(width(text, size) for text, size in zip(headings(subject, WIDTH)[1], (MATH, SMALL), strict=True))


def _rooms(
    subject: Subject, boxes: Mapping[tuple[int, Column], Box], shown: list[Column], gap: float
) -> dict[Label, float]:
    """Give the width that each label may have: the least over the places where it stands."""
    states = [boxes[subject.step.state, column] for column in shown]
    lying = min((b.side((-1.0, 0.0))[0] - a.side((1.0, 0.0))[0] for a, b in pairwise(states)), default=60.0) - 4
    if has_bypass(subject):
        lying *= 2 * (1 - AFTER_BYPASS)
    widest = max((box.width for box in boxes.values()), default=0.0)
    beside_bypass = 21 + 0.75 * BYPASS - CLEAR - 4  # 21: half of the narrowest box
    standing = beside_bypass if has_bypass(subject) else widest / 2 + min(gap, 2 * MARGIN + 10) - CLEAR
    rooms: dict[Label, float] = {}
    for link in subject.step.links:
        along_time = link.delayed and link.source == link.target
        room = lying if along_time else gap - 0.65 * BYPASS + widest / 2 - 14 if is_bypass(link) else standing
        rooms[link.parameters] = min(rooms.get(link.parameters, room), room)
    return rooms
