"""The rows of today's tasks, by run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from recipes import rows
from recipes.learning.task import Settings, Task
from recipes.learning.training import Key

KEPT = Path(__file__).with_name("results.jsonl")  # what docs/learning.md is made of
Rows = dict[Key, rows.Row]


def read(tasks: Mapping[str, Task], *paths: Path) -> Rows:
    """Read the rows of several files; a row of another budget than today's does not count.

    What a row's budget does not speak of is as it was before there was a choice.

    Args:
        tasks: By name.
        paths: Files of rows; one that is not there holds none.
    """
    found: Rows = {}
    for row in rows.read(*paths):
        key = Key(row["task"], row["cell"], row["side"], row["seed"])
        if key.task in tasks and Settings._field_defaults | row["settings"] == tasks[key.task].settings._asdict():
            found[key] = row
    return found


def keep(found: Rows, path: Path = KEPT) -> None:
    """Write all rows in order."""
    rows.keep(path, (found[key] for key in sorted(found)))


def of(task: Task, cell: str, side: str, found: Rows) -> list[rows.Row]:
    """Pick the rows of one side, a row for each seed."""
    return [row for key, row in found.items() if (key.task, key.cell, key.side) == (task.name, cell, side)]


def scores(chosen: Sequence[rows.Row]) -> list[float]:
    """Give the scores of those that have one: that stayed finite."""
    return [row["score"] for row in chosen if row["score"] is not None]


def told(score: float) -> str:
    """Write a score with as many digits as matter."""
    return f"{score:.1e}" if 0 < score < 0.01 else f"{score:.3g}" if score < 1 else f"{score:.2f}"
