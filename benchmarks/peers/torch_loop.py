"""torch: a Python loop over time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.peers import torch_work
from benchmarks.peers.contender import Contender
from benchmarks.peers.torch_steps import LOOPS, STEPS, ready
from benchmarks.peers.work import STATE_PARTS, Work


def prepare(work: Work) -> Contender:
    if work.mode == "step":
        return _steps(work)
    return looped(work, LOOPS[work.cell])


def looped(work: Work, loop: Callable[..., Tensor]) -> Contender:
    """Make a side of a loop ``(x, state, parameters) -> y``."""
    training = work.mode == "train"
    parameters = {name: torch.tensor(value, requires_grad=training) for name, value in work.parameters.items()}
    start = _zeros(work)
    return torch_work.contender(work, lambda x: loop(x, start, ready(parameters)), parameters)


def _zeros(work: Work) -> list[Tensor]:
    shape = (work.point.rows, work.point.hidden)
    return [torch.tensor(work.x).new_zeros(shape) for _ in range(STATE_PARTS[work.cell])]


def _steps(work: Work) -> Contender:
    p, step, start = (
        ready({name: torch.tensor(value) for name, value in work.parameters.items()}),
        STEPS[work.cell],
        _zeros(work),
    )

    def one(x: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        state = step(F.linear(x, p["U"], p["b"]), state, p)
        return state[0], state

    return torch_work.one_by_one(work, one, lambda: start)
