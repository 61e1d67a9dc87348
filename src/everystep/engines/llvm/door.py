"""The dtypes at the door: what compiled code computes in, and what dtype the plain loop's results would have.

Compiled code knows float32 and float64. Where the step would compute in fewer bits, in bfloat16 or under autocast,
everything is float32 inside, and only what comes out is rounded: no worse than the plain loop, which rounds after every
operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from everystep.compiler.guards import roots_of
from everystep.engines import reference
from everystep.engines.job import Job
from everystep.engines.stepping import dtype_name, each_stream, streams_of
from everystep.errors import EngineError

WIDE = (torch.float32, torch.float64)
LOW = (torch.bfloat16, torch.float16)


class Results(NamedTuple):
    """Dtypes of what comes out."""

    y: torch.dtype
    state: tuple[torch.dtype, ...]
    record: dict[str, torch.dtype]


def computed_in(job: Job) -> torch.dtype:
    """Choose what a job is computed in.

    Raises:
        EngineError: Its numbers have no dtype that they could be computed in.
    """
    for name, part in zip(job.step.part_names, job.state, strict=True):
        if not part.is_floating_point():
            raise EngineError(f"state part {name} is {dtype_name(part)}")
    found = {value.dtype for value in _numbers(job)} or {torch.get_default_dtype()}
    if len(found) == 1 and found <= {*WIDE, *LOW}:
        dtype = found.pop()
        return dtype if dtype in WIDE else torch.float32
    if found <= {torch.float32, *LOW}:  # cast by autocast, or by the step itself
        return torch.float32
    raise EngineError(f"numbers come as {' and '.join(sorted(str(dtype).removeprefix('torch.') for dtype in found))}")


def is_cast() -> bool:
    """Whether torch casts what is computed here to fewer bits."""
    return torch.is_autocast_enabled("cpu")


def results_of(job: Job) -> Results | None:
    """Tell the dtypes that the plain loop's results have, by trying; None where all numbers have one dtype anyway."""
    if not is_cast() and all(value.dtype in WIDE for value in _numbers(job)):
        return None
    few = min(2, len(next(iter(streams_of(job.x).values()))))  # the first step may change the dtype of the second
    plain: dict[str, Any] = {"used": None, "resets": None, "forced": {}, "reverse": False}
    with torch.no_grad():
        answer = reference.run(replace(job, x=each_stream(lambda stream: stream[:few], job.x), **plain))
    record = {name: value.dtype for name, value in answer.record.items()}
    return Results(answer.y.dtype, tuple(part.dtype for part in answer.state), record)


def widened(step: Any) -> Any:
    """A step whose parameters are float32 where they have fewer bits: itself, or a copy.

    Raises:
        EngineError: It can't be copied.
    """
    low = [name for name, value in roots_of(step).items() if value.dtype in LOW]
    if not low:
        return step
    if not isinstance(step, nn.Module):
        raise EngineError(f"{low[0]} has 16 bits, and a plain function can't be copied with other numbers")
    return deepcopy(step).float()


def roots_in(dtype: torch.dtype, roots: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Parameters of few bits as a dtype that can be computed in."""
    if not any(value.dtype in LOW for value in roots.values()):
        return roots
    return {name: value.to(dtype) if value.dtype in LOW else value for name, value in roots.items()}


def _numbers(job: Job) -> list[Tensor]:
    given = [*job.state, *job.initial, *streams_of(job.x).values(), *(pair.values for pair in job.forced.values())]
    return [value for value in (*given, *_tensors_of(job.step.context)) if value.is_floating_point()]


def _tensors_of(context: Any) -> list[Tensor]:
    return [value for value in context if isinstance(value, Tensor)] if isinstance(context, tuple) else []
