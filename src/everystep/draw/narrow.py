"""Folded above unrolled, time downwards, as wide as a telephone."""

from __future__ import annotations

from everystep.draw import lined
from everystep.draw.boxes import Shape
from everystep.draw.ink import Label
from everystep.draw.layout import (
    ARROW,
    HEADING,
    LOOP,
    MARGIN,
    Column,
    Contents,
    Layout,
    box_at,
    columns,
    contents,
    folded_shapes,
    has_bypass,
    is_bypass,
    place,
    shapes,
)
from everystep.draw.routes import CLEAR, DOWN
from everystep.draw.subject import Subject

WIDTH = 350.0
BARS = 34.0  # room for the gradient under the last input
_LEAST_GAP = 38.0


def narrow(subject: Subject) -> Layout:
    """Plan a drawing for a page of 350 pixels."""
    shown, state = columns(subject.steps), subject.step.state
    filled, sizes = _fitting(subject, shown)
    folded = folded_shapes(subject, lined.shape)
    depth, gap = _rightwards(sizes)
    below = 34 if has_bypass(subject) else 0
    half = max(each.height for each in folded) / 2
    folded_at = HEADING + 0.75 * LOOP + 24 + half
    arrow_at = folded_at + half + 14 + below
    heading = arrow_at + ARROW + 34
    pitch = max(each.height for each in sizes) + (64 if below else 50)
    first = heading + 40 + sizes[state].height / 2
    time = {column: first + i * pitch for i, column in enumerate(shown)}
    boxes = place(subject, shown, sizes, lambda row, column: (depth[row], time[column]))
    end = max(WIDTH, depth[-1] + sizes[-1].width / 2 + MARGIN)
    bottom = max(box.side((0.0, 1.0))[1] for box in boxes.values())
    return Layout(
        compass=DOWN,
        columns=shown,
        shapes=sizes,
        contents=filled,
        boxes=boxes,
        folded_shapes=folded,
        folded=[box_at((depth[row], folded_at), each) for row, each in enumerate(folded)],
        draw_box=lined.draw,
        arrow=((end / 2, arrow_at), (end / 2, arrow_at + ARROW)),
        headings=((MARGIN, 30.0), (MARGIN, heading)),
        end=(end, bottom + max(BARS if subject.has_gradient else 0, 1.3 * below) + 10),
        rooms=_rooms(subject, depth, gap, end),
    )


def _fitting(subject: Subject, shown: list[Column]) -> tuple[Contents, list[Shape]]:
    """Show as many numbers in each node as fit side by side."""
    filled, sizes = contents(subject, shown, 0), []
    for at_most in (3, 2, 1, 0):
        filled = contents(subject, shown, at_most)
        sizes = shapes(subject, filled, lined.shape)
        if sum(each.width for each in sizes) + _LEAST_GAP * (len(sizes) - 1) <= WIDTH - 2 * MARGIN:
            break
    return filled, sizes


def _rightwards(sizes: list[Shape]) -> tuple[list[float], float]:
    """Spread rows from the input at the left to the last at the right."""
    spare = WIDTH - 2 * MARGIN - sum(each.width for each in sizes)
    gap = max(20, spare / max(len(sizes) - 1, 1))
    centres, left = [], MARGIN
    for each in sizes:
        centres.append(left + each.width / 2)
        left += each.width + gap
    return centres, gap


def _rooms(subject: Subject, depth: list[float], gap: float, end: float) -> dict[Label, float]:
    """Give the width that each label may have: the least over the places where it stands."""
    rooms: dict[Label, float] = {}
    for link in subject.step.links:
        middle = (depth[link.source] + depth[link.target]) / 2
        if link.delayed:
            room = end - middle - CLEAR - MARGIN
        elif is_bypass(link):
            room = 0.4 * (depth[link.target] - depth[link.source])
        else:
            room = gap - 12
        rooms[link.parameters] = min(rooms.get(link.parameters, room), room)
    return rooms
