"""The legend under a drawing, and how each parameter is written on its connections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from everystep.draw.canvas import Canvas, Point
from everystep.draw.ink import QUIET, Label, Stroke, ordered
from everystep.draw.layout import MARGIN, Layout
from everystep.draw.lettering import Run, at_time, label_size, names, width
from everystep.draw.routes import draw_delay, draw_gradient, draw_route
from everystep.draw.subject import Subject

_LINE = 28.0
_SIZE = 14
_SWATCH = 30.0
_CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"


@dataclass(frozen=True)
class Entry:
    """One entry: a swatch, and what it stands for."""

    swatch: Callable[[Canvas, Point], None]
    text: list[Run]
    room: float = _SWATCH  # for the swatch

    @property
    def width(self) -> float:
        """Give the room it takes."""
        return self.room + 7 + width(self.text, _SIZE)


def written_labels(rooms: Mapping[Label, float], chosen: Mapping[Label, Stroke]) -> dict[Label, list[Run]]:
    """Say how each label is written on its connections.

    In full where there is room, else without ``.weight``, else as a number that the legend explains.
    """
    written: dict[Label, list[Run]] = {(): []}
    for label in ordered(rooms, dict(chosen)):
        full, short = names(label), names([name.removesuffix(".weight") for name in label])
        fitting = [runs for runs in (full, short) if width(runs, label_size(runs)) <= rooms[label]]
        numbered = sum(_is_numbered(runs) for runs in written.values())
        written[label] = fitting[0] if fitting else [Run(_CIRCLED[numbered % len(_CIRCLED)])]
    return written


def draw_legend(
    canvas: Canvas, subject: Subject, layout: Layout, chosen: Mapping[Label, Stroke], labels: Mapping[Label, list[Run]]
) -> float:
    """Draw the legend below everything else, in as many lines as it takes; returns where the drawing ends."""
    left = MARGIN
    x, y = left, layout.end[1] + 18
    for entry in _entries(subject, chosen, labels):
        if x > left and x + entry.width > layout.end[0] - left:
            x, y = left, y + _LINE
        entry.swatch(canvas, (x, y))
        canvas.text((x + entry.room + 7, y + 5), entry.text, size=_SIZE, anchor="start", fill=QUIET)
        x += entry.width + 22
    return y + 24


def _entries(subject: Subject, chosen: Mapping[Label, Stroke], labels: Mapping[Label, list[Run]]) -> list[Entry]:
    used = {link.parameters for link in subject.step.links}
    entries = [_parameter(subject, label, chosen[label], labels[label]) for label in ordered(used, dict(chosen))]
    if any(link.delayed for link in subject.step.links):
        entries.append(Entry(_delay_swatch, [Run("one step later")], room=12.0))
    if subject.has_gradient:
        last = at_time(subject.step.rows[-1].parts, subject.steps)
        entries.append(Entry(_gradient_swatch, [Run("gradient of "), *last]))
    return entries


def _parameter(subject: Subject, label: Label, stroke: Stroke, written: list[Run]) -> Entry:
    def swatch(canvas: Canvas, at: Point) -> None:
        draw_route(canvas, [at, (at[0] + _SWATCH, at[1])], stroke)

    number = [*written, Run(" ")] if _is_numbered(written) else []
    shapes = [" × ".join(map(str, subject.parameters[name])) for name in label if name in subject.parameters]
    size = [Run(f"  {shapes[0]}")] if len(label) == 1 and shapes and shapes[0] else []
    return Entry(swatch, [*number, *names(label), *size])


def _delay_swatch(canvas: Canvas, at: Point) -> None:
    draw_delay(canvas, (at[0] + 6, at[1]))


def _gradient_swatch(canvas: Canvas, at: Point) -> None:
    draw_gradient(canvas, [at, (at[0] + _SWATCH, at[1])], 0.5)


def _is_numbered(runs: list[Run]) -> bool:
    return len(runs) == 1 and runs[0].text in _CIRCLED and bool(runs[0].text)
