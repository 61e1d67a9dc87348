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

from everystep.cell import Cell, PartSize
from everystep.engines.graphs import at_once
from everystep.engines.job import Answer, Job
from everystep.engines.llvm import flat, graph_ops  # noqa: F401
from everystep.engines.llvm.door import LOW
from everystep.engines.llvm.graph_calls import Asked
from everystep.engines.llvm.graph_numbers import at
from everystep.engines.llvm.graph_steps import Given, Output, Step, entered, prepare, reached, traced
from everystep.engines.llvm.slots import Names
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
    _depend_on_step(job, step)
    steps, rows = _extent(job)
    found = torch.ops.everystep.unroll(key, tensors, job.used, steps, rows)
    count = len(step.outputs)
    outputs = [flat.out(v, steps, rows, o.shape, o.dtype) for v, o in zip(found[:count], step.outputs, strict=True)]
    last = flat.last(job, found[count : count + len(step.state)], step.state)
    return Answer(outputs[0], last, dict(zip(recorded, outputs[1:], strict=True)))


def _extent(job: Job) -> tuple[int, int]:
    stream = next(iter(streams_of(job.x).values()))
    return stream.shape[0], stream.shape[1]


def _traced(job: Job) -> Step:
    """The traced step."""
    cell: Any = job.step.cell
    reason = _why_not(job)
    if reason is not None:
        raise EngineError(reason)
    found, reason = cell._asked(_step, *_given(job), job.record)  # noqa: SLF001
    if reason is not None:
        raise EngineError(reason)
    step = Step(*found)
    return step._replace(outputs=tuple(Output(*output) for output in step.outputs))


def _why_not(job: Job) -> str | None:
    """What keeps compiled code from serving, or None."""
    if not isinstance(job.step.cell, Cell):
        return "it is a plain function, whose tensors torch.compile can't be told of"
    (steps, rows), context = _extent(job), _context(job).values()
    given, sizes = [*streams_of(job.x).values(), *job.state], job.step.cell.part_sizes.values()
    reasons = {
        "torch is exporting": torch.compiler.is_exporting(),
        "a transform of torch.func is at work": _functorch.maybe_current_level() is not None,
        "there is no step to take": steps == 0 or rows == 0,
        "a tensor does not lie on the CPU": any(value.device.type != "cpu" for value in given),
        "a part of the state is sized by the context": any(map(_is_sized_by_context, sizes)),
        "the context is not one value for each row": any(value.shape[0] != rows for value in context),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _is_sized_by_context(size: PartSize) -> bool:
    return any(isinstance(n, str) for n in size) if isinstance(size, tuple) else isinstance(size, str)


def _context(job: Job) -> dict[str, Tensor]:
    context = job.step.context
    return {} if context is None else dict(zip(context._fields, context, strict=True))


def _given(job: Job) -> Given:
    streams, context = streams_of(job.x).values(), job.step.context
    return Given(
        state=tuple(part.dtype for part in job.state),
        x_type=None if isinstance(job.x, Tensor) else type(job.x),
        x=tuple((tuple(map(_fixed, stream.shape[2:])), stream.dtype) for stream in streams),
        context_type=None if context is None else type(context),
        context=tuple((tuple(map(_fixed, value.shape[1:])), value.dtype) for value in _context(job).values()),
    )


def _fixed(size: int) -> int:
    """A size that a graph takes for granted."""
    return len(range(size))


def _depend_on_step(job: Job, step: Step) -> None:
    """Let torch see what the step reads, and hold every number to what it is."""
    for path, value in step.numbers:
        if at(job.step.cell, path) != value:
            raise EngineError("a number has changed while the graph was made")
    job.step.heard(job.state, each_stream(lambda stream: stream[0], job.x))


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


at_once(Cell._asked)  # noqa: SLF001


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
        return entered(number, Asked(Names(*names), wanted, recorded, reverse, recompute)), None
    except EngineError as error:
        return "", str(error)


@torch.compiler.allow_in_graph
def prepared(number: int, *reads: Tensor) -> tuple[Tensor, ...]:
    """Compute what depends on parameters alone; torch looks into it when it differentiates the graph."""
    with torch.autocast("cpu", enabled=False):
        return prepare(number, reads)
