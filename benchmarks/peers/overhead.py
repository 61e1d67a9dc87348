"""What a call of unroll costs before any work: an LSTM of one unit takes one step."""

from __future__ import annotations

import statistics

import torch

import everystep as es
from benchmarks.peers.timing import elapsed

TITLE = "A call of unroll beside its work"
CALLS = 500


def measure() -> list[dict[str, float | str]]:
    cell, x = es.cells.LSTM(1, 1), torch.zeros(1, 1, 1)
    leaves = list(cell.parameters())

    def both() -> object:
        return torch.autograd.grad(es.unroll(cell, x).y.sum(), leaves)

    def forward() -> object:
        return es.unroll(cell, x)

    def no_gradient() -> object:
        with torch.no_grad():
            return es.unroll(cell, x)

    calls = {"without gradient": no_gradient, "forward": forward, "forward and backward": both}
    return [{"call": name, "µs": _microseconds(call)} for name, call in calls.items()]


def _microseconds(call) -> float:
    for _ in range(20):
        call()
    return 1e6 * statistics.median(elapsed(call) for _ in range(CALLS))
