"""One step taken on small random tensors, with autograd watching; nothing of the cell is changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from everystep.draw import leaves
from everystep.draw.autograd import StepGraph, key_of
from everystep.engines import Job, Parts
from everystep.engines.stepping import each_stream, streams_of


@dataclass(frozen=True)
class Sample:
    """A step that was taken: what entered, what left, and autograd's graph between them."""

    x: dict[str, Tensor]
    before: dict[str, Tensor]
    after: dict[str, Tensor]
    y: Tensor
    taps: dict[str, Tensor]
    graph: StepGraph


class Sampler:
    """Takes one step of a cell as often as asked, on x and state of its own choice.

    ``heard`` is the step on copies of the parameters: ``parts', y, taps = heard(parts, x)``.

    Args:
        cell: A cell, or a plain function ``(state, x) -> (state, y)``.
        job: An unroll of it, of one row; its values are not read.
        context: Per-sequence values, or None.
    """

    def __init__(self, cell: Any, job: Job, context: Any) -> None:
        self._job = job
        self._random = torch.Generator().manual_seed(0)
        if isinstance(cell, nn.Module):
            self.heard, self._named = leaves.of_cell(cell, job.step)
        else:
            self.heard, self._named = leaves.of_function(cell, job.step.assemble(job.state), context)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Give the shape of every named parameter."""
        return {name: tuple(leaf.shape) for name, leaf in self._named.items()}

    def x(self) -> Any:
        """Draw an x, (batch, input)."""
        return each_stream(lambda stream: self._drawn(stream, stream.shape[1:]), self._job.x)

    def parts(self) -> Parts:
        """Draw the parts of a state, each (batch, size)."""
        return tuple(self._drawn(part, part.shape) for part in self._job.state)

    def take(self, parts: Parts, x: Any) -> Sample:
        """Take the step."""
        after, y, taps = self.heard(parts, x)
        keys = {name: key_of(leaf) for name, leaf in self._named.items()}
        graph = StepGraph([y, *after, *taps.values()], {key[0]: name for name, key in keys.items() if key})
        names = self._job.step.part_names
        before_by_name, after_by_name = (dict(zip(names, each, strict=True)) for each in (parts, after))
        return Sample(streams_of(x), before_by_name, after_by_name, y, dict(taps), graph)

    def _drawn(self, like: Tensor, shape: torch.Size) -> Tensor:
        if not like.is_floating_point():
            # Class numbers and flags: 0 and 1 are the two that every vocabulary has.
            return torch.randint(0, 2, shape, generator=self._random).to(like.device, like.dtype)
        drawn = torch.randn(shape, generator=self._random, dtype=torch.float64)
        return drawn.to(like.device, like.dtype).requires_grad_()


@contextmanager
def apart() -> Iterator[None]:
    """Watch gradients whatever the caller does, and leave the caller's random numbers where they were."""
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with torch.inference_mode(mode=False), torch.enable_grad(), torch.random.fork_rng(devices):
        yield
