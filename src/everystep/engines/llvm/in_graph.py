"""A job as ``torch.compile`` reads it: one operation for all steps.

torch's tracer goes through what stands here with tensors that have no numbers, again for every kind of call. What is
marked as a constant it runs as it is: there steps are traced and compiled. One step of the cell is taken for the tracer
alone, whose result is not used: so torch sees all that the step depends on, and makes another graph when any of it
has changed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._C import _functorch  # pyright: ignore[reportAttributeAccessIssue]

from everystep.cell import Cell
from everystep.engines.graphs import at_once
from everystep.engines.job import Answer, Job
from everystep.engines.llvm import flat, graph_ops  # noqa: F401
from everystep.engines.llvm.door import LOW
from everystep.engines.llvm.graph_calls import Asked, enter
from everystep.engines.llvm.graph_steps import Given, Output, Step, known, prepare, reached, traced
from everystep.engines.llvm.recipes import Names
from everystep.engines.stepping import each_stream, streams_of
from everystep.errors import EngineError, EverystepError


def run_in_graph(job: Job) -> Answer:
    """Unroll a step by compiled code, as an operation of the graph that is being made.

    Args:
        job: The unroll, checked.

    Returns:
        As the reference engine does.

    Raises:
        EngineError: Compiled code can't serve this call.
    """
    step = _traced(job)
    tensors, names = _tensors(job, step)
    wanted = tuple(value.requires_grad for value in tensors) if torch.is_grad_enabled() else (False,) * len(tensors)
    recorded = tuple(output.name for output in step.outputs[1:])
    key, reason = _entered(step.number, names, wanted, recorded, job.reverse, job.recompute)
    if reason is not None:
        raise EngineError(reason)
    job.step.heard(job.state, each_stream(lambda stream: stream[0], job.x))
    steps, rows = _extent(job)
    found = torch.ops.everystep.unroll(key, tensors, job.used, steps, rows)
    count = len(step.outputs)
    outputs = [flat.out(v, steps, rows, o.shape, o.dtype) for v, o in zip(found[:count], step.outputs, strict=True)]
    last = flat.last(job, found[count : count + len(step.state)], step.state)
    return Answer(outputs[0], last, dict(zip(recorded, outputs[1:], strict=True)))


def _extent(job: Job) -> tuple[int, int]:
    return next(iter(streams_of(job.x).values())).shape[:2]


def _traced(job: Job) -> Step:
    """The traced step."""
    reason = _why_not(job)
    if reason is not None:
        raise EngineError(reason)
    found, reason = _step(job.step.cell, *_given(job), job.record)
    if reason is not None:
        raise EngineError(reason)
    *rest, outputs, state = found
    return Step(*rest, tuple(Output(*output) for output in outputs), state)


def _why_not(job: Job) -> str | None:
    """What keeps compiled code from serving, or None."""
    cell, given = job.step.cell, [*streams_of(job.x).values(), *job.state]
    steps, rows = _extent(job)
    if not isinstance(cell, Cell):
        return "it is a plain function, whose tensors torch.compile can't be told of"
    if torch.compiler.is_exporting():
        return "torch is exporting"
    if _functorch.maybe_current_level() is not None:
        return "a transform of torch.func is at work"
    if steps == 0 or rows == 0:
        return "there is no step to take"
    if any(value.device.type != "cpu" for value in given):
        return "tensors do not lie on the CPU"
    if any(
        isinstance(n, str) for size in cell.part_sizes.values() for n in (size if isinstance(size, tuple) else (size,))
    ):
        return "a part of the state is sized by the context"
    if any(value.shape[0] != rows for value in _context(job).values()):
        return "the context is not one value for each row of the batch"
    return None


def _context(job: Job) -> dict[str, Tensor]:
    context = job.step.context
    return {} if context is None else dict(zip(context._fields, context, strict=True))


def _given(job: Job) -> Given:
    streams, context = streams_of(job.x).values(), job.step.context
    return Given(
        state=tuple(part.dtype for part in job.state),
        x_type=None if isinstance(job.x, Tensor) else type(job.x),
        x_dtypes=tuple(stream.dtype for stream in streams),
        context_type=None if context is None else type(context),
        context=tuple((tuple(map(_fixed, value.shape[1:])), value.dtype) for value in _context(job).values()),
    )


def _fixed(size: int) -> int:
    """A size that a graph takes for granted."""
    return len(range(size))


def _tensors(job: Job, step: Step) -> tuple[list[Tensor], tuple[tuple[str, ...], ...]]:
    """Everything that compiled code is given, and names for it."""
    dtype = step.dtype
    reads = [_wide(reached(job.step.cell, path), dtype) for path in step.reads]
    roots = reads if step.roots == step.reads else list(prepared(step.number, *reads))
    groups = flat.in_time(job, dtype), flat.in_state(job, dtype), flat.in_rows(job, _context(job), dtype)
    names = (*(tuple(group) for group in groups), step.roots)
    return [value for group in groups for value in group.values()] + roots, names


def _wide(value: Tensor, dtype: torch.dtype) -> Tensor:
    return value.to(dtype) if value.dtype in LOW else value


@at_once
def _step(cell: Any, *given_and_record: Any) -> tuple[Any, str | None]:
    """A traced step as plain tuples, or why there can't be one."""
    try:
        step = traced(cell, Given(*given_and_record[:-1]), given_and_record[-1])
    except (EverystepError, ImportError) as error:
        return None, str(error)
    return tuple(step._replace(outputs=tuple(map(tuple, step.outputs)))), None  # type: ignore[arg-type]


@at_once
def _entered(
    number: int,
    names: tuple[tuple[str, ...], ...],
    wanted: tuple[bool, ...],
    recorded: tuple[str, ...],
    reverse: bool,
    recompute: str | None,
) -> tuple[str, str | None]:
    """The key of a call, or why there can't be one."""
    try:
        return enter(known(number), Asked(Names(*names), wanted, recorded, reverse, recompute)), None
    except EngineError as error:
        return "", str(error)


@torch.compiler.allow_in_graph
def prepared(number: int, *reads: Tensor) -> tuple[Tensor, ...]:
    """Compute what depends on parameters alone; torch looks into it when it differentiates the graph."""
    with torch.autocast("cpu", enabled=False):
        return prepare(number, reads)
