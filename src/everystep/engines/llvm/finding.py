"""Find the compiled step for a job, or trace it: once for every cell and every kind of call."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice, product
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from everystep.compiler.agree import hold
from everystep.compiler.guards import Guard
from everystep.compiler.ir import Leaf
from everystep.compiler.printer import written
from everystep.compiler.show import show
from everystep.compiler.trace import Asked, StepCall, trace
from everystep.engines.choice import by_default
from everystep.engines.job import Job
from everystep.engines.llvm.compiling import compiling, on_the_cpu, on_threads_that_are_there, remembered
from everystep.engines.llvm.door import computed_in, roots_in, widened
from everystep.engines.llvm.lowered import Lowered
from everystep.engines.stepping import Parts, Stepper, streams_of
from everystep.errors import EngineError

REMEMBERED = 256  # traces
WAYS = 8  # in which a context may have its batch that are tried


class Found(NamedTuple):
    """A lowered step with what it reads besides its arguments."""

    lowered: Lowered
    roots: dict[str, Tensor]
    context: dict[str, Tensor]  # the batch first
    guard: Guard
    asked: Asked


class _Entry(NamedTuple):
    guard: Guard
    lowered: dict[object, Lowered | EngineError]  # by what was asked


_entries: WeakKeyDictionary[Any, _Entry] = WeakKeyDictionary()
_lowered: OrderedDict[object, Lowered | EngineError] = OrderedDict()


def find(job: Job) -> Found:
    """Find the lowered step of a job.

    Raises:
        EngineError: The step can't be compiled.
    """
    with compiling():
        guard, known = _entry(job.step.cell)
    lowered, asked = _first_that_serves(job, guard, known)
    context = {name: value.movedim(asked.batch_axis(Leaf("row", name)), 0) for name, value in context_of(job).items()}
    return Found(lowered, lowered.prepare(roots_in(asked.dtype, guard.roots())), context, guard, asked)


def _first_that_serves(job: Job, guard: Guard, known: dict[object, Lowered | EngineError]) -> tuple[Lowered, Asked]:
    """Find the step for one of the ways in which the context may have its batch."""
    failures: list[EngineError] = []
    for asked in _ways_to_ask(job):
        key = asked_key(asked)
        try:
            return remembered(known, key, partial(_of_any_step, job, guard, asked, (guard.key(), key))), asked
        except EngineError as failure:
            failures.append(failure)
    raise failures[0]


def _ways_to_ask(job: Job) -> Iterator[Asked]:
    """The batch is the first axis of a context value, or the second one, as in a memory (places, batch, n)."""
    axes = _batch_axes(job)
    for chosen in islice(product(*axes.values()), WAYS):  # more than one where there are as many places as rows
        yield asked_of(job, dict(zip(axes, chosen, strict=True)))


def _entry(step: Any) -> _Entry:
    """What is known of a step, as long as nothing that it reads has changed."""
    try:
        entry = _entries.get(step)
    except TypeError:  # neither hashed nor referred to weakly, a partial for instance
        return _Entry(Guard(step), {})
    if entry is None or not entry.guard.holds():
        entry = _entries[step] = _Entry(Guard(step), {})
    return entry


def _of_any_step(job: Job, guard: Guard, asked: Asked, key: object) -> Lowered:
    """Find the trace of any step that is the same, or trace this one."""
    lowered = remembered(_lowered, key, lambda: _traced(job, guard, asked))
    _lowered.move_to_end(key)
    while len(_lowered) > REMEMBERED:
        _lowered.popitem(last=False)
    return lowered


def _traced(job: Job, guard: Guard, asked: Asked) -> Lowered:
    step = widened(job.step.cell)
    roots = guard.roots() if step is job.step.cell else Guard(step).roots()
    # the engine is that of a cell which the step unrolls itself
    with by_default("reference"), on_the_cpu(), on_threads_that_are_there():
        traced = trace(call_of(job, step), asked, roots)
        show("trace", job.step.who, lambda: written(traced.graph))
        hold(traced, asked, step, lambda other: call_of(job, other))
    return Lowered(job.step.who, traced, job.step.part_names, asked.dtype)


def asked_of(job: Job, batch_axes: Mapping[str, int]) -> Asked:
    """Describe what a job gives its step; the axes say where each context value has its batch."""
    dtype = computed_in(job)

    def kind(value: Tensor) -> torch.dtype:
        return dtype if value.is_floating_point() else value.dtype

    def shape(value: Tensor, batch: int) -> tuple[int | None, ...]:
        sizes = [None if d == batch else n for d, n in enumerate(value.shape)]
        return tuple(sizes if batch else sizes[1:])

    state = {name: tuple(p.shape[1:]) for name, p in zip(job.step.part_names, job.state, strict=True)}
    streams = {name: (tuple(x.shape[2:]), kind(x)) for name, x in streams_of(job.x).items()}
    context = context_of(job)
    shapes = {name: (shape(value, batch_axes[name]), kind(value)) for name, value in context.items()}
    return Asked(state, streams, shapes, dtype)


def asked_key(asked: Asked) -> object:
    """Everything that was asked, as something to look up by."""
    state, x, context, dtype = asked
    return (tuple(state.items()), tuple(x.items()), tuple(context.items()), dtype)


def context_of(job: Job) -> dict[str, Tensor]:
    """The context by name; what is no tensor can't be compiled."""
    context = job.step.context
    if context is None:
        return {}
    found = {name: getattr(context, name) for name in getattr(context, "_fields", ())}
    if not found or not all(isinstance(value, Tensor) for value in found.values()):
        raise EngineError("the context is not a NamedTuple of tensors")
    return found


def _batch_axes(job: Job) -> dict[str, list[int]]:
    """The axes of each context value that may be the batch."""
    rows = next(iter(streams_of(job.x).values())).shape[1]
    found = {}
    for name, value in context_of(job).items():
        found[name] = [d for d, n in enumerate(value.shape[:2]) if n == rows]
        if not found[name]:
            raise EngineError(f"context.{name} is not one value for each row of the batch")
    return found


def call_of(job: Job, cell: Any) -> StepCall:
    """The step, or a copy of it, as the tracer calls it."""
    step = job.step

    def call(parts: Parts, streams: dict[str, Tensor], context: dict[str, Tensor], _rows: int) -> Any:
        x = streams["x"] if isinstance(job.x, Tensor) else type(job.x)(**streams)
        given = None if step.context is None else type(step.context)(**context)
        return Stepper(cell, step.assemble(parts), given).heard(parts, x)

    return call
