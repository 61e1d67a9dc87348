"""The plain loop: right by reading, and what every other engine is held against."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from everystep.engines.job import Answer, Job
from everystep.engines.padding import fill_unused, select
from everystep.engines.stepping import Parts, each_stream, streams_of
from everystep.errors import unknown


def run(job: Job) -> Answer:
    """Unroll a step over time, one call a step.

    Args:
        job: The unroll, checked.

    Returns:
        y, the state after the last step of each sequence, and what was recorded.
    """
    steps = next(iter(streams_of(job.x).values())).shape[0]
    if steps == 0:
        return _run_nothing(job)
    x = job.x if job.used is None else fill_unused(job.x, job.used)
    state, taken, names = job.state, [], None
    for t in reversed(range(steps)) if job.reverse else range(steps):
        after, y, taps = _step(job, _entering(job, state, t), _at(x, t), listening=names != ())
        if names is None:
            names = _recorded_names(job, tuple(taps))
        state = after if job.used is None else _selected(job.used[t], after, state)
        taken.append((y, *_recorded(job, names, after, taps)))
    y, *recorded = (_over_time(job, values) for values in zip(*taken, strict=True))
    return Answer(y, state, dict(zip(names or (), recorded, strict=True)))


def _step(job: Job, parts: Parts, x: Any, *, listening: bool) -> tuple[Parts, Tensor, dict[str, Tensor]]:
    """Take one step; the first one always listens, since taps are checked whether or not they are recorded."""
    return job.step.heard(parts, x) if listening else (*job.step(parts, x), {})


def _entering(job: Job, state: Parts, t: int) -> Parts:
    """Give the state that enters step t: after resets, then forced values; a harmless one where no step is used."""
    if job.resets is not None:
        state = _selected(job.resets[t], job.initial, state)
    if job.forced:
        state = tuple(
            select(job.forced[name].where[t], job.forced[name].values[t], part) if name in job.forced else part
            for name, part in zip(job.step.part_names, state, strict=True)
        )
    return state if job.used is None else _selected(job.used[t], state, job.initial)


def _selected(where: Tensor, chosen: Parts, otherwise: Parts) -> Parts:
    return tuple(select(where, new, old) for new, old in zip(chosen, otherwise, strict=True))


def _at(x: Any, t: int) -> Any:
    return each_stream(lambda stream: stream[t], x)


def _over_time(job: Job, values: tuple[Tensor, ...]) -> Tensor:
    """Stack values in the order of x; zero where no step is used."""
    stacked = torch.stack(values[::-1] if job.reverse else values)
    return stacked if job.used is None else select(job.used, stacked, 0)


def _recorded_names(job: Job, taps: tuple[str, ...]) -> tuple[str, ...]:
    known = (*taps, *job.step.part_names)
    if job.record == "all":
        return known
    for name in job.record:
        if name not in known:
            raise unknown(job.step.who, "record", name, known)
    return tuple(job.record)


def _recorded(job: Job, names: tuple[str, ...], parts: Parts, taps: dict[str, Tensor]) -> tuple[Tensor, ...]:
    if not names:
        return ()
    seen = taps | dict(zip(job.step.part_names, parts, strict=True))
    return tuple(seen[name] for name in names)


def _run_nothing(job: Job) -> Answer:
    """Answer for a sequence of no steps; one step on zeros tells the shapes."""
    with torch.no_grad():
        x = each_stream(lambda stream: stream.new_zeros(stream.shape[1:]), job.x)
        parts, y, taps = job.step.heard(job.initial, x)
    names = _recorded_names(job, tuple(taps))
    record = [_no_steps(value) for value in _recorded(job, names, parts, taps)]
    return Answer(_no_steps(y), job.state, dict(zip(names, record, strict=True)))


def _no_steps(value: Tensor) -> Tensor:
    return value.new_zeros(0, *value.shape)
