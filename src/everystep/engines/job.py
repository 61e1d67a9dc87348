"""What every engine is asked for, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torch import Tensor

from everystep.engines.stepping import Parts, Stepper
from everystep.errors import EngineError


class NothingToRunError(EngineError):
    """There is no step to take: the plain loop alone says what comes out of it."""


class Forced(NamedTuple):
    """Values that replace a part of the state entering a step."""

    values: Tensor  # (time, batch, size)
    where: Tensor  # (time, batch) bool


@dataclass(frozen=True, kw_only=True)
class Job:
    """One unroll, checked and with every default filled in.

    ``used``, ``resets`` and ``forced`` are indexed by the time of x, also under ``reverse``.
    """

    step: Stepper
    x: Any  # (time, batch, input), or a NamedTuple of such streams
    state: Parts  # before the first step, each (batch, size)
    initial: Parts  # what a reset puts back, each (batch, size)
    used: Tensor | None = None  # (time, batch) bool: False where no step is taken
    resets: Tensor | None = None  # (time, batch) bool
    forced: Mapping[str, Forced] = field(default_factory=dict)
    reverse: bool = False
    record: tuple[str, ...] | str = ()  # names, or "all"
    recompute: str | None = None  # "segments": keep little for the way back, and compute it again


class Answer(NamedTuple):
    """What an engine returns for a job."""

    y: Tensor  # (time, batch, output)
    state: Parts  # after the last step of each sequence
    record: dict[str, Tensor]  # {name: (time, batch, size)}
