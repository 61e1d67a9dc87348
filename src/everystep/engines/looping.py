"""One step after the other by the plain loop: what serves where a step can't be compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from everystep.cell import unheard
from everystep.engines.job import Job
from everystep.engines.stepping import Parts


class Looping:
    """A step and the state between its calls.

    Args:
        job: An unroll of one step.
    """

    def __init__(self, job: Job) -> None:
        self._step = job.step
        self.set(job.state)

    def set_quickly(self, _state: Any) -> bool:
        """Put another state in its place the short way; there is none."""
        return False

    def see_quickly(self, _context: Any) -> bool:
        """Take over another context the short way; there is none."""
        return False

    def parts(self) -> Parts:
        """The state, in memory of its own."""
        return tuple(part.clone() for part in self._parts)

    def set(self, parts: Parts) -> None:
        """Put another state in its place."""
        self._parts = tuple(part.detach().clone() for part in parts)

    def select(self, rows: np.ndarray[Any, Any]) -> None:
        """Put rows of the state in the place of its rows."""
        chosen = torch.from_numpy(rows.astype(np.int64))
        self._parts = tuple(part[chosen.to(part.device)] for part in self._parts)

    def stale(self) -> bool:
        """Whether parameters have changed since they were read; they are read at every step."""
        return False

    def quick(self, _x: Any) -> None:
        """Take the short way; there is none."""

    def take(self, x: Any) -> Tensor:
        """Take one step on x, which nobody else writes to; y is the caller's own."""
        with unheard():
            self._parts, y = self._step(self._parts, x)
        return y.clone()
