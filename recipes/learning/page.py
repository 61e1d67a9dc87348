"""docs/learning.md: what stands in the rows, those who fail included."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.document import table, write_behind
from recipes.learning import picture, results
from recipes.learning.models import OURS, TORCH
from recipes.learning.task import Task
from recipes.learning.tasks import sides
from recipes.rows import Row

PAGE = Path(__file__).parents[2] / "docs" / "learning.md"
MARK = "<!-- From here on the page is written by recipes/learning. -->"
NOT_YET = "not run yet"
HEAD = ("cell", "parameters", "seeds", "middle", "worst", "reached", "steps to the goal", "steps", "seconds")


def write(tasks: Mapping[str, Task], rows: results.Rows) -> None:
    """Keep the rows, draw them, and put their tables in the place of what stands behind the mark."""
    results.keep(rows)
    picture.draw(tasks, rows)
    write_behind(MARK, PAGE, text(tasks, rows))


def text(tasks: Mapping[str, Task], rows: results.Rows) -> str:
    """Everything that was reached, as Markdown."""
    parts = ["## Who learns what", at_a_glance(tasks, rows)]
    for task in tasks.values():
        parts += [f"## {task.title}", budget(task), details(task, rows)]
    return "\n\n".join(parts) + "\n"


def at_a_glance(tasks: Mapping[str, Task], rows: results.Rows) -> str:
    """How many seeds reach each goal, of those that ran."""
    lines = []
    for cell, side in dict.fromkeys(pair for task in tasks.values() for pair in sides(task)):
        marks = [_mark(task, cell, results.of(task, cell, side, rows)) for task in tasks.values()]
        lines.append((_name(cell, side), *marks))
    head = ("cell", *(task.short_title for task in tasks.values()))
    return table(head, lines)


def _mark(task: Task, cell: str, chosen: Sequence[Row]) -> str:
    if task.cells is not None and cell not in task.cells:
        return ""
    return f"{sum(row['reached'] for row in chosen)} of {len(chosen)}" if chosen else NOT_YET


def budget(task: Task) -> str:
    """What is asked, and the one budget of all."""
    told = task.settings
    up = "at most" if task.better == "lower" else "at least"
    more = [f"dropout {told.dropout:g} in front of the readout"] if told.dropout else []
    more += [f"dropout {told.input_dropout:g} of x"] if told.input_dropout else []
    more += [f"weight decay {told.weight_decay:g}"] if told.weight_decay else []
    more += [f"the learning rate rises for {told.warmup} steps"] if told.warmup else []
    more += [f"the running mean of weights is judged, of which a step keeps {told.average:g}"] if told.average else []
    more += [] if told.enough is None else [f"ends where validation reaches {told.enough:g}"]
    return (
        f"Goal: {up} {task.goal:g} {task.measure}. {told.hidden} features of the state, {told.steps:,} steps of "
        f"{told.batch} sequences, learning rate {told.learning_rate:g}, norm of the gradient at most {told.clip:g}"
        f"{''.join(f', {one}' for one in more)}."
    )


def details(task: Task, rows: results.Rows) -> str:
    """A line for each side that has run, and the names of those that have not."""
    found = {pair: results.of(task, *pair, rows) for pair in sides(task)}
    lines = [(_name(*pair), *_figures(task, chosen)) for pair, chosen in found.items() if chosen]
    missing = [_name(*pair) for pair, chosen in found.items() if not chosen]
    parts = [table(HEAD, lines)] if lines else []
    if missing:
        parts.append(f"{NOT_YET.capitalize()}: {', '.join(missing)}.")
    return "\n\n".join(parts)


def _figures(task: Task, chosen: Sequence[Row]) -> tuple[str, ...]:
    scores = sorted(results.scores(chosen), reverse=task.better == "higher")
    steps = [row["goal_step"] for row in chosen if row["goal_step"] is not None]
    broken = sum(row["broken"] for row in chosen)
    return (
        f"{chosen[0]['parameters']:,}",
        str(len(chosen)),
        *((results.told(statistics.median(scores)), results.told(scores[-1])) if scores else ("none", "none")),
        f"{sum(row['reached'] for row in chosen)}{f', {broken} not finite' if broken else ''}",
        f"{statistics.median(steps):,.0f}" if steps else "",
        f"{statistics.median(row['steps'] for row in chosen):,.0f}",
        f"{statistics.median(row['seconds'] for row in chosen):.0f}",
    )


def _name(cell: str, side: str) -> str:
    return cell if side == OURS else f"{cell} ({TORCH})"
