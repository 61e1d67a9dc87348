"""``draw``: a cell as a picture, folded and unrolled, and the unrolled graph as data."""

from __future__ import annotations

import inspect
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from everystep.cell import Cell
from everystep.draw import arguments
from everystep.draw.dependence import dependence
from everystep.draw.graph import Graph, Run, unrolled
from everystep.draw.narrow import narrow
from everystep.draw.picture import picture
from everystep.draw.running import run_of
from everystep.draw.sample import Sampler, apart
from everystep.draw.subject import Subject
from everystep.draw.wide import wide
from everystep.engines import Job
from everystep.engines.stepping import name_of
from everystep.unroll.arguments import check_cell
from everystep.unroll.unroll import prepare


@dataclass(frozen=True)
class Drawing:
    """A drawing of a cell: shows itself in a notebook; ``str()`` is its SVG.

    Attributes:
        graph: The unrolled graph: ``nodes`` and ``edges``, all T steps of it.
        gradient: How strongly the last output depends on each x(t): the derivative where both are single numbers, the
            Frobenius norm of the Jacobian elsewhere; None where no x was given.
        wide: The SVG with folded and unrolled side by side.
        narrow: The SVG for a narrow page (350 pixels), folded above unrolled and time running downwards.
    """

    graph: Graph
    gradient: tuple[float, ...] | None
    wide: str
    narrow: str

    def __str__(self) -> str:
        return self.wide

    def _repr_svg_(self) -> str:
        return self.wide

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the SVG to a file, whole or not at all.

        Args:
            path: The file; one that is there already is replaced.

        Returns:
            The path.
        """
        path = Path(path)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(self.wide)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return path


def draw(
    cell: Cell[Any] | Callable[..., Any],
    T: int | None = None,
    x: Any = None,
    *,
    state: Any = None,
    context: Any = None,
) -> Drawing:
    """Draw a cell: folded, and unrolled over T steps.

    What is connected to what, and by which parameter, is found from the step itself, so any cell can be drawn.
    With x given, every node shows its value, and the gradient of the last output is drawn flowing back.

    Args:
        cell: A :class:`~everystep.Cell`, or a plain function ``(state, x) -> (state, y)``.
        T: Steps to unroll, 0 or more; as many as x has, else 5. Of more than six only the first and last are shown.
        x: One sequence: T numbers, (T, input), (T, 1, input), or a NamedTuple of such streams. Only the structure is
            drawn when it is not given; a plain function needs it.
        state: The state before the first step, each part (1, size); the cell's own start when not given.
        context: Per-sequence values, as for :func:`~everystep.unroll`.

    Returns:
        The drawing.

    Raises:
        ArgumentError: T is no number of steps, or not as long as x; x is missing.
        ShapeError: x or the state holds more than one sequence, or does not fit the cell.

    Example:
        >>> import torch, everystep as es
        >>> drawing = es.draw(es.cells.LinearSystem(1, 3, 1), x=[1, 2, 3, 4, 5])
        >>> len(drawing.graph.nodes), len(drawing.graph.edges)
        (16, 15)
        >>> [edge.label for edge in drawing.graph.edges[:3]]
        ['U', 'W', 'V']
    """
    check_cell("draw", cell)
    steps = arguments.steps_of(cell, T, x)
    arguments.one_row(state)
    with apart():
        subject = _subject(cell, steps, x, state, context)
    inputs = [node for node in subject.graph.nodes if node.kind == "input"]
    gradient = tuple(node.gradient or 0.0 for node in inputs) if x is not None else None
    return Drawing(subject.graph, gradient, picture(subject, wide), picture(subject, narrow))


def _subject(cell: Any, steps: int, x: Any, state: Any, context: Any) -> Subject:
    """Find out what there is to draw."""
    job = _job(cell, arguments.sequence(cell, steps, x, state), state, context)
    sampler = Sampler(cell, job, context)
    step = dependence(sampler, _names(cell, job))
    shows_values = x is not None or step.rows[0].kind != "input"
    run = run_of(step, job, sampler.heard, steps) if shows_values else Run()
    return Subject(name_of(cell), step, unrolled(step, steps, run), steps, sampler.shapes, _learned(cell))


def _job(cell: Any, x: Any, state: Any, context: Any) -> Job:
    return prepare(
        cell, x, state, context=context, lengths=None, mask=None, resets=None, forced=None, reverse=False, record=()
    )


def _names(cell: Any, job: Job) -> dict[str, tuple[str, ...]]:
    """Choose what the nodes are called: streams and parts by their own names, no name used twice."""
    streams = ("x",) if isinstance(job.x, Tensor) else tuple(job.x._fields)
    parts = job.step.part_names
    if not isinstance(cell, Cell) and parts == ("state",):
        parts = (_first_argument(cell),)
    parts = tuple(f"s{part}" if part.isdigit() else part for part in parts)
    merged = parts == ("y",)
    return {
        "input": tuple("in" if name in parts and streams == ("x",) else name for name in streams),
        "state": parts,
        "output": ("out" if "y" in (*parts, *streams) and not merged else "y",),
    }


def _first_argument(function: Callable[..., Any]) -> str:
    """Name a plain function's state as the function itself does."""
    first = next(iter(inspect.signature(function).parameters), "s")
    return "s" if first in {"state", "self"} or first.startswith("_") else first


def _learned(cell: Any) -> int | None:
    return sum(p.numel() for p in cell.parameters()) if isinstance(cell, nn.Module) else None
