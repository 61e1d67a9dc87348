"""The reference loop beside torch.nn.LSTM: what a readable loop costs against a fused one, forward and backward.

Both sides run in turns on the same input, so that a busy machine slows both; the median of the turns is shown.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

import everystep as es

SIZES = ((100, 16, 32, 64), (100, 64, 128, 256), (1000, 8, 16, 32))  # time, batch, input, hidden
TURNS = 7


def main() -> None:
    torch.manual_seed(0)
    print(f"LSTM, float32, {torch.get_num_threads()} threads, torch {torch.__version__}, median of {TURNS} turns")
    print(f"{'time':>6} {'batch':>6} {'input':>6} {'hidden':>6} {'everystep ms':>13} {'torch.nn ms':>12} {'ratio':>6}")
    for steps, batch, inputs, hidden in SIZES:
        x = torch.randn(steps, batch, inputs)
        cell, twin = es.cells.LSTM(inputs, hidden), torch.nn.LSTM(inputs, hidden)
        ours, theirs = in_turns(
            lambda x=x, cell=cell: es.unroll(cell, x, engine="reference").y.sum().backward(),
            lambda x=x, twin=twin: twin(x)[0].sum().backward(),
        )
        print(f"{steps:6} {batch:6} {inputs:6} {hidden:6} {ours:13.1f} {theirs:12.1f} {ours / theirs:6.1f}")


def in_turns(*sides: Callable[[], None]) -> list[float]:
    """Run every side in turns, after one turn to warm up; give the median of each in milliseconds."""
    turns = [[milliseconds(side) for side in sides] for _ in range(TURNS + 1)][1:]
    return [statistics.median(column) for column in zip(*turns, strict=True)]


def milliseconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


if __name__ == "__main__":
    main()
