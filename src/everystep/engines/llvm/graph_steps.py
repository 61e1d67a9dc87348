"""Steps that stand in graphs of ``torch.compile``, traced and compiled while torch makes the graph."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from everystep.cell import Cell, part_shape
from everystep.engines.job import Job
from everystep.engines.llvm.door import Results, results_of
from everystep.engines.llvm.finding import find
from everystep.engines.llvm.graph_calls import Asked, enter
from everystep.engines.llvm.graph_numbers import Number, numbers_of
from everystep.engines.llvm.lowered import Lowered
from everystep.engines.llvm.memory import Layout, layout_of
from everystep.engines.stepping import Stepper
from everystep.errors import EngineError

ROWS = 2
Kind = tuple[tuple[int, ...], torch.dtype]  # the shape of a value of one row


class Given(NamedTuple):
    """What a call gives a step, without numbers."""

    state: tuple[torch.dtype, ...]
    x_type: Any  # of a NamedTuple of streams
    x: tuple[Kind, ...]
    context_type: Any
    context: tuple[Kind, ...]


class Output(NamedTuple):
    """An output: its name, ``y`` or that under which it is recorded, the shape that it has for a row, and its dtype."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype


class Step(NamedTuple):
    """A traced step, for code that torch reads: constants alone.

    Attributes:
        number: Its number in the table.
        reads: Paths from the cell to the tensors that it reads.
        roots: Names of what compiled code is given of them, or of what is prepared from them.
        dtype: Of the numbers that it computes in.
        outputs: Of y and everything recorded, in order.
        state: Dtypes of the last state.
        numbers: That the cell may read.
    """

    number: int
    reads: tuple[str, ...]
    roots: tuple[str, ...]
    dtype: torch.dtype
    outputs: tuple[Output, ...]
    state: tuple[torch.dtype, ...]
    numbers: tuple[Number, ...]


class _Known(NamedTuple):
    lowered: Lowered
    reads: tuple[str, ...]
    layouts: tuple[Layout, ...]  # of the roots


_steps: dict[int, _Known] = {}


def traced(cell: Cell[Any], given: Given, record: tuple[str, ...] | str) -> Step:
    """Trace a cell.

    Raises:
        EngineError: It can't be compiled.
    """
    job = _example(cell, given, record)
    results = results_of(job)
    with torch.autocast("cpu", enabled=False):
        found = find(job)
    lowered, roots = found.lowered, found.guard.roots()
    reads = tuple(found.roots) if set(found.roots) <= set(lowered.traced.roots) else tuple(roots)
    for name in reads:
        if reached(cell, name) is not roots[name]:
            raise EngineError(
                f"{name} is no attribute of the cell or of its modules, where torch.compile finds tensors"
            )
    _steps[id(lowered)] = _Known(lowered, reads, tuple(map(layout_of, found.roots.values())))
    recorded = lowered.recorded(record)
    results = results or Results(lowered.dtype, (lowered.dtype,) * len(job.state), {})
    outputs = [Output("y", lowered.shape("y"), results.y)]
    outputs += [_recorded(lowered, name, results) for name in recorded]
    return Step(
        id(lowered), reads, tuple(found.roots), lowered.dtype, tuple(outputs), results.state, tuple(numbers_of(cell))
    )


def _recorded(lowered: Lowered, name: str, results: Results) -> Output:
    place = f"record:{name}"
    dtype = results.record.get(name, lowered.kind(place))
    return Output(name, lowered.shape(place), dtype)


def _example(cell: Cell[Any], given: Given, record: tuple[str, ...] | str) -> Job:
    """A call of two steps that gives such values."""
    streams = [torch.zeros(2, ROWS, *shape, dtype=kind) for shape, kind in given.x]
    context = [torch.zeros(ROWS, *shape, dtype=kind) for shape, kind in given.context]
    parts = zip(cell.State._fields, given.state, strict=True)
    state = cell.State(*(torch.zeros(ROWS, *part_shape(cell, name), dtype=kind) for name, kind in parts))
    held = given.context_type(*context) if given.context_type else None
    x = given.x_type(*streams) if given.x_type else streams[0]
    return Job(step=Stepper(cell, state, held), x=x, state=tuple(state), initial=tuple(state), record=record)


def entered(number: int, asked: Asked) -> str:
    """The key of a call of a traced step.

    Raises:
        EngineError: It can't be compiled.
    """
    return enter(_steps[number].lowered, asked, _steps[number].layouts)


def prepare(number: int, reads: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """What compiled code is given, of the tensors that a step reads."""
    lowered, names, _ = _steps[number]
    return tuple(lowered.prepare(dict(zip(names, reads, strict=True))).values())


def reached(cell: Any, path: str) -> Any:
    """Follow a path of attributes; None where it ends."""
    for name in path.split("."):
        cell = getattr(cell, name, None)
    return cell
