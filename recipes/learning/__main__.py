"""Let every cell learn every task, beside its twin of torch.nn, and write docs/learning.md.

Run from the top of the repository: ``python -m recipes.learning``. A run that was cut goes on where it was; several
processes may share the work. Each uses one thread.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from everystep.cells import CELLS
from everystep.train.threads import one_thread
from recipes.learning import page, results
from recipes.learning.models import OURS, TORCH
from recipes.learning.task import Task
from recipes.learning.tasks import TASKS, seeds, sides
from recipes.learning.training import Key, OutOfTimeError, Training
from recipes.rows import append


def main(arguments: list[str] | None = None) -> None:
    """Run what is asked for and is not done yet."""
    asked = _asked(arguments)
    tasks = {name: make(asked.data) for name, make in TASKS.items()}
    rows, until = asked.folder / "results.jsonl", time.monotonic() + 60 * asked.minutes
    asked.folder.mkdir(parents=True, exist_ok=True)
    try:
        with one_thread():
            for key in [] if asked.page_only else wanted(asked, tasks):
                _one(tasks[key.task], key, asked.folder, rows, until)
    except OutOfTimeError:
        print("The time is up; the same command goes on from here.", flush=True)
    if asked.page or asked.page_only:
        page.write(tasks, results.read(tasks, results.KEPT, rows))


def wanted(asked: argparse.Namespace, tasks: dict[str, Task]) -> list[Key]:
    """List the runs in order: every cell with one seed before any with the next."""
    return [
        Key(name, cell, side, seed)
        for seed in range(max(task.seeds for task in tasks.values()))
        for name in asked.tasks
        for cell, side in sides(tasks[name])
        if cell in asked.cells
        and side in asked.sides
        and seed < (seeds(tasks[name], cell) if asked.seeds is None else asked.seeds)
    ]


def _one(task: Task, key: Key, folder: Path, rows: Path, until: float) -> None:
    """Train one run, unless another process is at it; append its row."""
    if key in results.read({task.name: task}, results.KEPT, rows):
        return
    try:
        with FileLock(folder / f"{key.file}.lock", timeout=0):
            if key in results.read({task.name: task}, results.KEPT, rows):
                return  # another process has just done it
            training = Training(task, key, folder)
            row = _watched(training, key, until)
            append(rows, row)
            training.done()
    except Timeout:
        return
    told = "reached" if row["reached"] else "missed"
    score = f"{row['score']:.4g}" if row["score"] is not None else "none"
    print(f"{' '.join(map(str, key))}: {score}, {told}; {row['steps']} steps, {row['seconds']} s", flush=True)


def _watched(training: Training, key: Key, until: float) -> dict:
    """Run behind a bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[score]}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task(" ".join(map(str, key)), total=training.task.settings.steps, score="")

        def tell(step: int, score: float | None) -> None:
            progress.update(bar, completed=step, score="" if score is None else f"best {score:.4g}")

        return training.run(until, tell)


def _asked(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m recipes.learning", description=__doc__)
    parser.add_argument("--tasks", nargs="*", choices=TASKS, default=list(TASKS), metavar="TASK", help=", ".join(TASKS))
    parser.add_argument("--cells", nargs="*", choices=sorted(CELLS), default=sorted(CELLS), metavar="CELL")
    parser.add_argument("--sides", nargs="*", choices=(OURS, TORCH), default=(OURS, TORCH))
    parser.add_argument("--seeds", type=int, help="how many; as many as the task asks for when not given")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after these, and keep what was done")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--folder", type=Path, default=Path("build/learning"), help="where runs are kept")
    parser.add_argument("--page", action="store_true", help="write docs/learning.md and the rows it is made of")
    parser.add_argument("--page-only", action="store_true", help="write it, and train nothing")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
