"""Every task by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from everystep.cells import CELLS
from recipes.learning.adding import Adding
from recipes.learning.chorales import Chorales
from recipes.learning.models import OURS, TORCH, TWINS
from recipes.learning.reber import Reber
from recipes.learning.regular import LANGUAGES, Regular
from recipes.learning.task import Task

NOTES = ("linear", "elman", "jordan", "lstm", "gru")  # the cells of the lecture notes go first
TASKS: dict[str, Callable[[Path], Task]] = {
    "adding": Adding,
    "reber": Reber,
    **{name: partial(Regular, name=name) for name in LANGUAGES},
    "chorales": Chorales,
}


def seeds(task: Task, cell: str) -> int:
    """Say how many seeds a cell has in a task."""
    return task.seeds if cell in NOTES else 1


def sides(task: Task) -> list[tuple[str, str]]:
    """List (cell, side) of a task: the notes' cells and their twins first."""
    order = ("lstm", "gru", *(name for name in NOTES if name not in {"lstm", "gru"}))
    names = [*order, *(name for name in sorted(CELLS) if name not in order)]
    if task.cells is not None:
        names = [name for name in names if name in task.cells]
    return [(name, side) for name in names for side in (OURS, TORCH) if side == OURS or name in TWINS]
