"""Training and inference with torch, whatever runs the sequence."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from benchmarks.peers.contender import Contender
from benchmarks.peers.work import Work


def contender(work: Work, forward: Callable[[Tensor], Tensor], leaves: Mapping[str, Tensor]) -> Contender:
    """Make a side of what gives y from x; ``leaves`` are its parameters."""
    return _training(work, forward, leaves) if work.mode == "train" else _inference(work, forward)


def _inference(work: Work, forward: Callable[[Tensor], Tensor]) -> Contender:
    x = torch.tensor(work.x)

    def run() -> Tensor:
        with torch.inference_mode():
            return forward(x)

    return Contender(run, lambda y: {"y": y.numpy()})


def _training(work: Work, forward: Callable[[Tensor], Tensor], leaves: Mapping[str, Tensor]) -> Contender:
    x, slope = torch.tensor(work.x, requires_grad=True), torch.tensor(work.slope)
    sought = {"x": x, **leaves}

    def run() -> tuple[Tensor, tuple[Tensor, ...]]:
        y = forward(x)
        return y, torch.autograd.grad((y * slope).sum(), list(sought.values()))

    def arrays(result):
        y, gradients = result
        named = {f"d{name}": value.numpy() for name, value in zip(sought, gradients, strict=True)}
        return {"y": y.detach().numpy(), **named}

    return Contender(run, arrays)


def one_by_one(work: Work, step: Callable, start: Callable[[], object]) -> Contender:
    """Make a side of single steps: ``step(x, state) -> (y, state)`` on tensors."""
    inputs = list(torch.tensor(work.x).unbind(0))

    def run() -> list[Tensor]:
        with torch.inference_mode():
            state, outputs = start(), []
            for x in inputs:
                y, state = step(x, state)
                outputs.append(y)
            return outputs

    return Contender(run, lambda outputs: {"y": torch.stack(outputs).numpy()})
