"""The gradient of the last output, flowing back: broad arrows beneath the connections, bars under the inputs."""

from __future__ import annotations

from everystep.draw.canvas import Canvas, Point
from everystep.draw.dependence import Link
from everystep.draw.graph import Node
from everystep.draw.ink import GRADIENT, QUIET
from everystep.draw.layout import DOTS, MARGIN, Column, Layout
from everystep.draw.lettering import Run, at_time, number, width
from everystep.draw.routes import ACROSS, draw_gradient
from everystep.draw.subject import Subject

_BAR = 30.0
_UNSEEN = 1e-3  # share of the largest below which no arrow is drawn


def draw_backflow(canvas: Canvas, subject: Subject, uses: list[tuple[Link, Column, Column, list[Point]]]) -> None:
    """Draw a broad arrow back along every connection that carries gradient."""
    strength = {(node.row, node.t): abs(node.gradient or 0.0) for node in subject.graph.nodes}
    last = (len(subject.step.rows) - 1, subject.steps)
    largest = max((value for place, value in strength.items() if place != last), default=0.0)
    for link, source, target, route in uses:
        at_source = strength[link.source, _step_before(source, target)]
        at_target = strength[link.target, _step_after(source, target)]
        if at_target and at_source > _UNSEEN * largest:
            draw_gradient(canvas, route, at_source / largest)


def draw_bars(canvas: Canvas, subject: Subject, layout: Layout) -> None:
    """Draw one bar and one number for the gradient at every shown input, thin bars for those left out."""
    inputs = {node.t: node for node in subject.graph.nodes if node.kind == "input"}
    largest = max(abs(node.gradient or 0.0) for node in inputs.values()) or 1.0
    draw_one = _draw_below if layout.compass is ACROSS else _draw_beside
    for column in layout.columns:
        if column is None:
            if layout.compass is ACROSS:
                _draw_left_out(canvas, layout, inputs, largest)
        elif column:
            draw_one(canvas, layout, inputs[column], largest)
    _draw_name(canvas, subject, layout)


def _step_before(source: Column, target: Column) -> int:
    """Give the step a connection really comes from, where it comes out of the dot-dot-dot."""
    return source if source is not None else (target or 1) - 1


def _step_after(source: Column, target: Column) -> int:
    return target if target is not None else (source or 0) + 1


def _draw_below(canvas: Canvas, layout: Layout, node: Node, largest: float) -> None:
    x, floor = _floor(layout, node.t)
    height = _BAR * abs(node.gradient or 0.0) / largest
    if height:
        canvas.add("rect", x=x - 13, y=floor - height, width=26.0, height=height, fill=GRADIENT, opacity=0.45)
    canvas.add("path", d=f"M{x - 22:.1f} {floor:.1f}h44", stroke=QUIET, stroke_width=1)
    canvas.text((x, floor + 18), number(node.gradient or 0.0), size=15, fill=GRADIENT, weight="600")


def _draw_beside(canvas: Canvas, layout: Layout, node: Node, largest: float) -> None:
    box = layout.boxes[0, node.t]
    left, top = box.centre[0] - box.width / 2, box.centre[1] + box.height / 2 + 7
    length = box.width * abs(node.gradient or 0.0) / largest
    if length:
        canvas.add("rect", x=left, y=top, width=length, height=7.0, fill=GRADIENT, opacity=0.45)
    canvas.add("path", d=f"M{left:.1f} {top - 2:.1f}v11", stroke=QUIET, stroke_width=1)
    canvas.text(
        (left + 4, top + 22), number(node.gradient or 0.0), size=14, anchor="start", fill=GRADIENT, weight="600"
    )


def _draw_left_out(canvas: Canvas, layout: Layout, inputs: dict[int, Node], largest: float) -> None:
    x, floor = _floor(layout, None)
    shown = set(layout.columns)
    gradients = [abs(node.gradient or 0.0) for t, node in sorted(inputs.items()) if t not in shown]
    room = DOTS + 14
    each = room / len(gradients)
    for i, gradient in enumerate(gradients):
        if gradient > _UNSEEN * largest:
            height = _BAR * gradient / largest
            canvas.add(
                "rect", x=x - room / 2 + i * each, y=floor - height, width=max(0.8 * each, 0.5), height=height,
                fill=GRADIENT, opacity=0.45,
            )  # fmt: skip
    canvas.add("path", d=f"M{x - room / 2:.1f} {floor:.1f}h{room:.1f}", stroke=QUIET, stroke_width=1)


def _floor(layout: Layout, column: Column) -> Point:
    height = layout.shapes[0].height
    x, y = layout.boxes[0, column].centre
    return x, y + height / 2 + 12 + _BAR


def _draw_name(canvas: Canvas, subject: Subject, layout: Layout) -> None:
    """Write what the bars show, in the place under s(0) where no input stands."""
    runs = gradient_name(subject)
    state = layout.boxes[subject.step.state, 0]
    if layout.compass is ACROSS:
        _, floor = _floor(layout, subject.steps)
        canvas.text((state.centre[0] + state.width / 2, floor + 18), runs, size=15, anchor="end", fill=GRADIENT)
    elif width(runs, 15) < state.centre[0] - state.width / 2 - 16:
        canvas.text((MARGIN, state.centre[1] + 5), runs, size=15, anchor="start", fill=GRADIENT)


def gradient_name(subject: Subject) -> list[Run]:
    """Name the gradient: a derivative where both are single numbers, the norm of the Jacobian elsewhere."""
    rows = subject.step.rows
    ends = [node for node in subject.graph.nodes if node.t == subject.steps and node.row in {0, len(rows) - 1}]
    plain = all(node.value is not None and sum(map(len, node.value.values())) == 1 for node in ends)
    bar = [] if plain else [Run("‖")]
    top = at_time(rows[-1].parts, subject.steps)
    below = at_time(rows[0].parts, "t")
    return [*bar, Run("∂", serif=True), *top, Run("/∂", serif=True), *below, *bar]
