"""The drawing itself: headings, the folded cell, the unrolled graph, the gradient, the legend."""

from __future__ import annotations

from collections.abc import Callable

from everystep.draw.backflow import draw_backflow, draw_bars
from everystep.draw.boxes import Box, folded_sections
from everystep.draw.canvas import Canvas, Point
from everystep.draw.dependence import Link
from everystep.draw.ink import INK, PAPER, QUIET, Label, Stroke, strokes
from everystep.draw.layout import LOOP, Column, Layout, has_bypass, is_bypass
from everystep.draw.legend import draw_legend, written_labels
from everystep.draw.lettering import Run, label_size
from everystep.draw.routes import (
    ACROSS,
    AFTER_BYPASS,
    Compass,
    bypassing,
    draw_bypass_label,
    draw_delay,
    draw_label,
    draw_route,
    looping,
    point_of,
    slanted,
    straight,
)
from everystep.draw.subject import Subject
from everystep.draw.words import describe, headings, title
from everystep.pages.labels import label as printable


def picture(subject: Subject, plan: Callable[[Subject], Layout]) -> str:
    """Draw a subject after a plan.

    Args:
        subject: What to draw.
        plan: :func:`~everystep.draw.wide.wide` or :func:`~everystep.draw.narrow.narrow`.

    Returns:
        The SVG.
    """
    layout, canvas, chosen = plan(subject), Canvas(), strokes(subject.step)
    labels = written_labels(layout.rooms, chosen)
    _draw_headings(canvas, subject, layout)
    _draw_folded(canvas, subject, layout, chosen, labels)
    _draw_arrow(canvas, layout)
    if subject.has_gradient:
        routed = [(link, a, b, _route(layout, link, a, b)) for link, a, b in _uses(subject, layout)]
        draw_backflow(canvas, subject, routed)
        draw_bars(canvas, subject, layout)
    _draw_unrolled(canvas, subject, layout, chosen, labels)
    height = draw_legend(canvas, subject, layout, chosen, labels)
    return canvas.svg((layout.end[0], height), title(subject), describe(subject))


def _draw_headings(canvas: Canvas, subject: Subject, layout: Layout) -> None:
    room = layout.headings[1][0] - layout.headings[0][0] if layout.compass is ACROSS else layout.end[0]
    for at, (heading, below) in zip(layout.headings, headings(subject, room), strict=True):
        canvas.text(at, printable(heading), size=17, anchor="start", weight="600")
        canvas.text((at[0], at[1] + 20), printable(below, 80), size=13, anchor="start", fill=QUIET)


def _draw_arrow(canvas: Canvas, layout: Layout) -> None:
    """Draw the hollow arrow from the folded cell to the unrolled graph."""
    (x, y), (end_x, end_y) = layout.arrow
    length = max(end_x - x, end_y - y)
    half = [(0.0, -5.0), (length - 17, -5.0), (length - 17, -13.0), (length, 0.0)]  # (along, aside)
    outline = half + [(along, -aside) for along, aside in half[-2::-1]]
    across = layout.compass is ACROSS
    corners = [(x + along, y + aside) if across else (x + aside, y + along) for along, aside in outline]
    canvas.polygon(corners, fill=PAPER, stroke=QUIET, stroke_width=1.4, stroke_linejoin="round")
    word = (x + length / 2 - 2, y - 21) if across else (x + 24, y + length / 2 + 2)
    canvas.text(word, "unroll", size=14, anchor="middle" if across else "start", fill=QUIET)


def _draw_folded(
    canvas: Canvas, subject: Subject, layout: Layout, chosen: dict[Label, Stroke], labels: dict[Label, list[Run]]
) -> None:
    reach = LOOP
    for link in subject.step.links:
        source, target, runs = layout.folded[link.source], layout.folded[link.target], labels[link.parameters]
        if link.delayed:
            route = looping(source, target, layout.compass, reach)
            reach += 40
            draw_route(canvas, route, chosen[link.parameters])
            draw_delay(canvas, point_of(route))
            _label_loop(canvas, layout, point_of(route), runs)
        else:
            route = _same_time(source, target, layout.compass, link)
            draw_route(canvas, route, chosen[link.parameters])
            _draw_label(canvas, subject, layout, link, route, runs)
    for row, box in enumerate(layout.folded):
        layout.draw_box(canvas, box, layout.folded_shapes[row], folded_sections(subject.step.rows[row].parts))


def _draw_label(
    canvas: Canvas, subject: Subject, layout: Layout, link: Link, route: list[Point], runs: list[Run]
) -> None:
    if is_bypass(link):
        draw_bypass_label(canvas, route, runs, layout.compass)
    elif link.delayed and has_bypass(subject):
        draw_label(canvas, route, runs, AFTER_BYPASS)
    else:
        draw_label(canvas, route, runs)


def _label_loop(canvas: Canvas, layout: Layout, at: Point, runs: list[Run]) -> None:
    if layout.compass is ACROSS:
        canvas.text((at[0] - 14, at[1] + 5), runs, size=label_size(runs), anchor="end", halo=4)
    else:
        canvas.text((at[0], at[1] - 12), runs, size=label_size(runs), halo=4)


def _same_time(source: Box, target: Box, compass: Compass, link: Link) -> list[Point]:
    return bypassing(source, target, compass) if is_bypass(link) else straight(source, target, compass.depth)


def _uses(subject: Subject, layout: Layout) -> list[tuple[Link, Column, Column]]:
    """List every shown use of a connection: from which column to which."""
    uses: list[tuple[Link, Column, Column]] = []
    for before, now in zip([None, *layout.columns], layout.columns, strict=False):
        for link in subject.step.links:
            if now == 0 or (now is None and not link.delayed):
                continue
            uses.append((link, before if link.delayed else now, now))
    return uses


def _route(layout: Layout, link: Link, source: Column, target: Column) -> list[Point]:
    start, end = layout.boxes[link.source, source], layout.boxes[link.target, target]
    if not link.delayed:
        return _same_time(start, end, layout.compass, link)
    if link.source == link.target:
        return straight(start, end, layout.compass.time)
    return slanted(start, end, layout.compass, lift=0.55 if link.target > link.source else 0.0)


def _draw_unrolled(
    canvas: Canvas, subject: Subject, layout: Layout, chosen: dict[Label, Stroke], labels: dict[Label, list[Run]]
) -> None:
    uses = _uses(subject, layout)
    for link, source, target in uses:
        draw_route(canvas, _route(layout, link, source, target), chosen[link.parameters])
    for link, source, target in uses:
        _draw_label(canvas, subject, layout, link, _route(layout, link, source, target), labels[link.parameters])
    for (row, column), box in layout.boxes.items():
        if column is None:
            _draw_dots(canvas, box, layout.compass)
        else:
            layout.draw_box(canvas, box, layout.shapes[row], layout.contents[row, column])


def _draw_dots(canvas: Canvas, box: Box, compass: Compass) -> None:
    for step in (-1, 0, 1):
        x, y = box.centre
        canvas.add("circle", cx=x + 10 * step * compass.time[0], cy=y + 10 * step * compass.time[1], r=2.2, fill=INK)
