"""The plain loop: right by reading, and what every other engine is held against."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from everystep.cell import unheard
from everystep.engines.job import Answer, Job
from everystep.engines.padding import Sources, backwards, fill_unused, plain_x, select, sources
from everystep.engines.stepping import Parts, each_stream, streams_of
from everystep.errors import StepError, TapError, unknown


def run(job: Job) -> Answer:
    """Unroll a step over time, one call a step.

    Args:
        job: The unroll, checked.

    Returns:
        y, the state after the last step of each sequence, and what was recorded.
    """
    steps, rows = next(iter(streams_of(job.x).values())).shape[:2]
    with unheard():  # where a step unrolls a cell of its own, the taps in there are not the outer step's
        return _run(job, steps) if steps and rows else _run_nothing(job, steps)


def _run(job: Job, steps: int) -> Answer:
    x, entering = (job.x, job.initial) if job.used is None else _stand_ins(job, job.used)
    state, taken, names = job.state, [], None
    for t in reversed(range(steps)) if job.reverse else range(steps):
        entering = _where_used(job, t, _entering(job, state, t), entering)
        after, y, taps = _step(job, entering, _at(x, t), listening=names != ())
        if names is None:
            names = _recorded_names(job, tuple(taps))
        state = _where_used(job, t, after, state)
        taken.append((y, *_recorded(job, names, after, taps)))
    labels = ("y", *(names or ()))
    y, *recorded = (_over_time(job, *found) for found in zip(labels, zip(*taken, strict=True), strict=True))
    return Answer(y, state, dict(zip(labels[1:], recorded, strict=True)))


def _stand_ins(job: Job, used: Tensor) -> tuple[Any, Parts]:
    """Give x without what is not used, and the state for steps before the first used one: the one that enters that."""
    source = backwards(used) if job.reverse else sources(used)
    first = Sources(*(places[-1 if job.reverse else 0] for places in source))
    entering = _entering(job, tuple(part[first.row] for part in job.state), first)
    return fill_unused(job.x, used, source), _selected(used.any(), entering, job.initial)


def _step(job: Job, parts: Parts, x: Any, *, listening: bool) -> tuple[Parts, Tensor, dict[str, Tensor]]:
    """Take one step; the first one always listens, since taps are checked whether or not they are recorded."""
    return job.step.heard(parts, x) if listening else (*job.step(parts, x), {})


def _entering(job: Job, state: Parts, t: int | Sources) -> Parts:
    """Give the state that enters step t: after resets, then forced values."""
    if job.resets is not None:
        state = _selected(job.resets[t], job.initial, state)
    if job.forced:
        state = tuple(
            select(job.forced[name].where[t], job.forced[name].values[t], part) if name in job.forced else part
            for name, part in zip(job.step.part_names, state, strict=True)
        )
    return state


def _where_used(job: Job, t: int, chosen: Parts, otherwise: Parts) -> Parts:
    return chosen if job.used is None else _selected(job.used[t], chosen, otherwise)


def _selected(where: Tensor, chosen: Parts, otherwise: Parts) -> Parts:
    return tuple(select(where, new, old) for new, old in zip(chosen, otherwise, strict=True))


def _at(x: Any, t: int) -> Any:
    return each_stream(lambda stream: stream[t], x)


def _over_time(job: Job, name: str, values: tuple[Tensor, ...]) -> Tensor:
    """Stack values in the order of x; zero where no step is used."""
    for n, value in enumerate(values):
        if value.shape != values[0].shape:
            raise StepError(
                f"{job.step.where}: {name} has shape {tuple(values[0].shape)} in the first call and "
                f"{tuple(value.shape)} in call {n + 1}; every step puts out the same shapes."
            )
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
    for name in names:
        if name not in seen:
            raise TapError(
                f'{job.step.where}: tap "{name}" was used in the first call and is missing from a later one; '
                "a step uses the same taps each time."
            )
    return tuple(seen[name] for name in names)


def _run_nothing(job: Job, steps: int) -> Answer:
    """Answer for no steps, or no rows; one step tells the shapes, and links y to the parameters."""
    x = each_stream(lambda stream: plain_x(stream).expand(stream.shape[1:]), job.x)
    parts, y, taps = job.step.heard(job.initial, x)
    names = _recorded_names(job, tuple(taps))
    record = [_repeated(value, steps) for value in _recorded(job, names, parts, taps)]
    return Answer(_repeated(y, steps), job.state, dict(zip(names, record, strict=True)))


def _repeated(value: Tensor, steps: int) -> Tensor:
    return value.unsqueeze(0)[: min(1, steps)].expand(steps, *value.shape)
