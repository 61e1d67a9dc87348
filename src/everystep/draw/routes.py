"""Lines from box to box, and where their labels stand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from everystep.draw.boxes import Box
from everystep.draw.canvas import Canvas, Point
from everystep.draw.ink import GRADIENT, INK, PAPER, Stroke
from everystep.draw.lettering import Run, label_size

HEAD = 10.0
BYPASS = 52.0  # how far a connection that passes a row swings out
AFTER_BYPASS = 0.76  # share of a connection at which a crossing one is out of the way
CLEAR = 12.0  # from a line to its label


@dataclass(frozen=True)
class Compass:
    """Which way time runs and which way the network is deep, as steps (right, down)."""

    time: Point
    depth: Point


ACROSS = Compass(time=(1.0, 0.0), depth=(0.0, -1.0))  # time to the right, the input below
DOWN = Compass(time=(0.0, 1.0), depth=(1.0, 0.0))  # time downwards, the input at the left


def straight(source: Box, target: Box, way: Point) -> list[Point]:
    """Go from one box to the next in a direction."""
    return [source.side(way), target.side((-way[0], -way[1]))]


def slanted(source: Box, target: Box, compass: Compass, *, lift: float) -> list[Point]:
    """Go one step on in time to another row, turning between the columns.

    Args:
        source: Where it starts.
        target: Where it ends.
        compass: The ways of time and depth.
        lift: Moves the start along the source's side, in halves of the box.
    """
    start = source.side(compass.time, _times(compass.depth, lift))
    end = target.side(_times(compass.time, -1))
    # A box as wide as the target stands in the source's column; the turn is made after it.
    beside = Box(source.centre, target.width, target.height).side(compass.time)
    turn = (_along(compass, beside) + _along(compass, end)) / 2
    return [start, _moved(compass, start, turn), _moved(compass, end, turn), end]


def looping(source: Box, target: Box, compass: Compass, reach: float) -> list[Point]:
    """Go back in time and return, on the side that time comes from; to the same box or to another."""
    side = _times(compass.time, -1)
    apart = 0.42 if source == target else 0.0
    start = source.side(side, _times(compass.depth, apart))
    end = target.side(side, _times(compass.depth, -apart))
    out, spread = _times(side, reach), _times(compass.depth, 76 * apart)
    return [start, _plus(_plus(start, out), spread), _plus(_plus(end, out), _times(spread, -1)), end]


def bypassing(source: Box, target: Box, compass: Compass) -> list[Point]:
    """Pass the boxes between two rows of the same step, on the side that time runs to."""
    reach = BYPASS if compass is ACROSS else 0.75 * BYPASS
    start = source.side(compass.time, _times(compass.depth, 0.0 if compass is ACROSS else 0.6))
    end = target.side(compass.time)
    return [start, _plus(start, _times(compass.time, reach)), _plus(end, _times(compass.time, reach)), end]


def point_of(points: Sequence[Point], share: float = 0.5) -> Point:
    """Give the point at a share of a route, half-way unless said otherwise."""
    if len(points) == 2:
        points = [points[0], _mix(points, 1 / 3), _mix(points, 2 / 3), points[1]]
    weights = [(1 - share) ** 3, 3 * (1 - share) ** 2 * share, 3 * (1 - share) * share**2, share**3]
    x, y = (sum(weight * point[i] for weight, point in zip(weights, points, strict=True)) for i in (0, 1))
    return x, y


def draw_route(canvas: Canvas, points: Sequence[Point], stroke: Stroke) -> None:
    """Draw a connection with its arrow head."""
    angle = _angle(points[-2], points[-1])
    shortened = [*points[:-1], _plus(points[-1], (-HEAD * 0.8 * math.cos(angle), -HEAD * 0.8 * math.sin(angle)))]
    canvas.curve(shortened, stroke=stroke.colour, width=stroke.width, dash=stroke.dash)
    canvas.head(points[-1], angle, fill=stroke.colour, length=HEAD)


def draw_gradient(canvas: Canvas, points: Sequence[Point], share: float) -> None:
    """Draw the gradient that flows back along a connection: a broad arrow beneath it, as wide as its share (0..1)."""
    width = 3 + 11 * share
    length = min(10 + 6 * share, 0.55 * math.dist(points[0], points[1]))
    angle = _angle(points[1], points[0])
    neck = _plus(points[0], (-length * math.cos(angle), -length * math.sin(angle)))
    canvas.curve([neck, *points[1:]], stroke=GRADIENT, width=width, opacity=0.36)
    canvas.head(points[0], angle, fill=GRADIENT, length=length, width=width + 9, opacity=0.36)


def draw_label(canvas: Canvas, points: Sequence[Point], runs: list[Run], share: float = 0.5) -> None:
    """Write a connection's label beside it: above where it lies, at its right where it stands, below where it falls."""
    x, y = point_of(points, share)
    right, down = (abs(end - start) for start, end in zip(points[0], points[-1], strict=True))
    if len(points) == 4 and right > down:
        canvas.text((x + 10, y + 18), runs, size=label_size(runs), anchor="start", halo=4)
    elif len(points) == 4 or down > right:
        canvas.text((x + CLEAR, y + 5), runs, size=label_size(runs), anchor="start", halo=4)
    else:
        canvas.text((x, y - CLEAR + 1), runs, size=label_size(runs), halo=4)


def draw_bypass_label(canvas: Canvas, points: Sequence[Point], runs: list[Run], compass: Compass) -> None:
    """Write the label of a connection that passes a row: past that row, on the side that time runs to."""
    x, y = point_of(points, 0.76)
    if compass is ACROSS:
        canvas.text((x + 9, y + 5), runs, size=label_size(runs), anchor="start", halo=4)
    else:
        canvas.text((x, y + 17), runs, size=label_size(runs), halo=4)


def draw_delay(canvas: Canvas, at: Point) -> None:
    """Draw the delay of one step: the textbooks' small black square."""
    canvas.add("rect", x=at[0] - 6, y=at[1] - 6, width=12.0, height=12.0, fill=INK, stroke=PAPER, stroke_width=2.0)


def _angle(start: Point, end: Point) -> float:
    return math.atan2(end[1] - start[1], end[0] - start[0])


def _mix(points: Sequence[Point], share: float) -> Point:
    (x, y), (end_x, end_y) = points
    return x + share * (end_x - x), y + share * (end_y - y)


def _plus(one: Point, other: Point) -> Point:
    return one[0] + other[0], one[1] + other[1]


def _times(way: Point, length: float) -> Point:
    return way[0] * length, way[1] * length


def _along(compass: Compass, point: Point) -> float:
    """Say how far along time a point lies."""
    return point[0] if compass is ACROSS else point[1]


def _moved(compass: Compass, point: Point, along: float) -> Point:
    """Give the point at the same depth, elsewhere in time."""
    return (along, point[1]) if compass is ACROSS else (point[0], along)
