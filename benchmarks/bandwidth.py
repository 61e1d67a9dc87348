"""How fast loops without products go through memory: those of minGRU and its like, beside torch's copy.

Gates are given, as they are when products have been taken out of the loop: what is left reads them and the state,
scales and adds. Counted is what has to move: everything given and everything found, once each. All sides run in turns;
the median of the turns is shown.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

import everystep as es

SIZES = ((200, 32, 512), (2000, 1, 1024), (500, 4, 512))  # time, batch, features
TURNS = 9
Step = Callable[..., Tensor]

# name: how many gates are given, and the step: the state before it, then the gates
LOOPS: dict[str, tuple[int, Step]] = {
    "mingru": (2, lambda h, keep, add: keep * h + add),
    "minlstm": (3, lambda h, forget, write, new: forget * h + write * new),
    "qrnn": (2, lambda h, forget, new: forget * h + (1 - forget) * new),
    "sru": (2, lambda h, forget, new: torch.sigmoid(forget + 0.5 * h) * h + new),
    "lru": (1, lambda h, new: 0.9 * h + 0.3 * h.roll(h.shape[1] // 2, 1) + new),
    "indrnn": (1, lambda h, new: torch.relu(0.9 * h + new)),
}


class LoopState(NamedTuple):
    h: Tensor


class Loop(es.Cell[LoopState]):
    """What is left in the loop of a cell."""

    State = LoopState

    def __init__(self, gates: int, features: int, step: Step) -> None:
        super().__init__(gates * features, features, h=features)
        self.gates, self.rule = gates, step

    def step(self, state: LoopState, x: Tensor) -> tuple[LoopState, Tensor]:
        h = self.rule(state.h, *x.chunk(self.gates, dim=-1))
        return LoopState(h), h


def main() -> None:
    torch.manual_seed(0)
    print(f"float32, {torch.get_num_threads()} threads, torch {torch.__version__}, median of {TURNS} turns, GB/s")
    print(f"{'time':>6} {'batch':>6} {'features':>9} {'loop':>8} {'forward':>8} {'training':>9} {'copy':>6}")
    for steps, batch, features in SIZES:
        for name, (gates, step) in LOOPS.items():
            forward, training, copy = speeds(Loop(gates, features, step), torch.rand(steps, batch, gates * features))
            sizes = f"{steps:6} {batch:6} {features:9}"
            print(f"{sizes} {name:>8} {forward:8.0f} {training:9.0f} {copy:6.0f}", flush=True)


def speeds(loop: Loop, x: Tensor) -> tuple[float, float, float]:
    """GB/s of the loop, of a training step with it, and of a copy of as many bytes as the loop moves."""
    y = es.unroll(loop, x, engine="llvm").y
    source, target = torch.rand(2, (x.numel() + y.numel()) // 2)
    wanted, slope = x.clone().requires_grad_(), torch.rand_like(y)

    def forward() -> None:
        with torch.no_grad():
            es.unroll(loop, x, engine="llvm")

    def training() -> None:
        torch.autograd.grad(es.unroll(loop, wanted, engine="llvm").y, wanted, slope)

    moved = 4 * (x.numel() + y.numel())
    there_and_back = moved + 4 * (2 * x.numel() + 2 * y.numel())  # back: x, y and its gradient are read, x's is found
    sides = ((forward, moved), (training, there_and_back), (lambda: target.copy_(source), moved))
    turns = [[count / seconds(side) for side, count in sides] for _ in range(TURNS + 1)][1:]
    one, two, three = (statistics.median(column) / 1e9 for column in zip(*turns, strict=True))
    return one, two, three


def seconds(work: Callable[[], object]) -> float:
    """The fastest of a few calls: a turn is short, and others may run."""
    found = []
    for _ in range(5):
        begin = time.perf_counter()
        work()
        found.append(time.perf_counter() - begin)
    return min(found)


if __name__ == "__main__":
    main()
