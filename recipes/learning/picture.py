"""Who learns what at a glance: a row for each cell, a column for each task, ink for the seeds that reach the goal."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from everystep.cells import CELLS
from everystep.pages.heat import inked
from recipes.learning import results
from recipes.learning.models import OURS
from recipes.learning.task import Task
from recipes.rows import Row

PICTURE = Path(__file__).parents[2] / "docs" / "learning.svg"


def draw(tasks: Mapping[str, Task], rows: results.Rows, path: Path = PICTURE) -> None:
    """Draw those of everystep's cells that ran, who learns most on top; numbers are scores, in the middle over seeds.

    Args:
        tasks: By name, from left to right.
        rows: What was run.
        path: The SVG file; beside it comes one for narrow screens, see :func:`narrow`.
    """
    found = {
        cell: runs for cell in CELLS if any(runs := [results.of(task, cell, OURS, rows) for task in tasks.values()])
    }
    order = sorted(found, key=lambda cell: -statistics.mean(reached(runs) for runs in found[cell] if runs))
    shares = np.array([[reached(runs) for runs in found[cell]] for cell in order])
    titles = [task.short_title for task in tasks.values()]
    with _chart(path, (6.4, 8), shares) as axis:
        for (row, column), share in np.ndenumerate(shares):
            score, color = _middle(found[order[row]][column]), "white" if share > 0.5 else "black"
            axis.text(column, row, score, ha="center", va="center", fontsize=7, color=color)
        axis.set_xticks(range(len(titles)), [title.replace(" ", "\n", 1) for title in titles], fontsize=7)
        axis.set_yticks(range(len(order)), order, fontsize=8)
    with _chart(narrow(path), (3.4, 7.4), shares) as axis:
        axis.set_xticks(range(len(titles)), titles, fontsize=8, rotation=90)
        axis.set_yticks(range(len(order)), order, fontsize=8)


def narrow(path: Path) -> Path:
    """Name the picture for narrow screens, which has no numbers."""
    return path.with_stem(f"{path.stem}-narrow")


@contextmanager
def _chart(path: Path, size: tuple[float, float], shares: np.ndarray) -> Iterator[Axes]:
    """Draw the ink; what is to stand on it is drawn inside."""
    plt.rcParams["svg.hashsalt"] = path.name
    figure, axis = plt.subplots(figsize=size, layout="constrained")
    axis.imshow(inked(shares), aspect="auto", interpolation="none")
    yield axis
    axis.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    axis.spines[:].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def reached(runs: Sequence[Row]) -> float:
    """Say which share of runs reaches the goal; of none, none."""
    return sum(run["reached"] for run in runs) / max(1, len(runs))


def _middle(runs: Sequence[Row]) -> str:
    scores = results.scores(runs)
    return results.told(statistics.median(scores)) if scores else ""
