"""Tensors of a job in the layout of compiled code, one row of features after another, and its results back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import torch
from torch import Tensor

from everystep.engines.job import Job
from everystep.engines.llvm.forward import Tensors
from everystep.engines.stepping import Parts, streams_of


def in_time(job: Job, dtype: torch.dtype) -> Tensors:
    """Everything that has a value for every step, (steps of all rows, size) by place."""
    found = {f"x:{name}": value for name, value in streams_of(job.x).items()}
    if job.resets is not None:
        found["flag:reset"] = job.resets
    for name, (values, where) in job.forced.items():
        found[f"flag:forced {name}"] = where
        found[f"value:{name}"] = values
    return {name: _dense(value, 2, dtype) for name, value in found.items()}


def in_state(job: Job, dtype: torch.dtype) -> Tensors:
    """The state before the first step, (rows, size) by part."""
    return {name: _dense(part, 1, dtype) for name, part in zip(job.step.part_names, job.state, strict=True)}


def in_rows(job: Job, context: Mapping[str, Tensor], dtype: torch.dtype) -> Tensors:
    """What a row of the batch keeps over all steps, (rows, size) by name."""
    found = {name: _dense(value, 1, dtype) for name, value in context.items()}
    if job.resets is not None:
        initial = zip(job.step.part_names, job.initial, strict=True)
        found |= {f"initial {name}": _dense(part, 1, dtype) for name, part in initial}
    return found


def _dense(value: Tensor, leading: int, dtype: torch.dtype) -> Tensor:
    """The features of a row along one axis, and so the leading axes."""
    value = value.reshape(prod(value.shape[:leading]), prod(value.shape[leading:]))
    return (value.to(dtype) if value.is_floating_point() else value).contiguous()


def out(value: Tensor, steps: int, rows: int, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """An output, (time, batch, ...), of the shape that it has for a row."""
    value = value.view(steps, rows, *shape)
    return value != 0 if dtype == torch.bool else value.to(dtype)


def last(job: Job, found: Sequence[Tensor], dtypes: Sequence[torch.dtype]) -> Parts:
    """The state after the last step."""
    return tuple(v.view(part.shape).to(kind) for v, part, kind in zip(found, job.state, dtypes, strict=True))
