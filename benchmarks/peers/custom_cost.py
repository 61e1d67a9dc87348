"""What a step of one's own costs beside the built-in LSTM: operations a second of both, in turns."""

from __future__ import annotations

import statistics

from benchmarks.peers import everystep_llvm
from benchmarks.peers.table import mean
from benchmarks.peers.timing import in_rounds
from benchmarks.peers.work import GRID, Point, make

TITLE = "A step of one's own (the peephole cell) beside the built-in LSTM, training"
SECONDS = 0.3


def measure() -> list[dict[str, float | str]]:
    rows = [_compared(point) for point in GRID]
    return [*rows, {"T, B, I, H": "geometric mean"} | {name: _mean(rows, name) for name in list(rows[0])[1:]}]


def _mean(rows: list[dict[str, float | str]], name: str) -> float:
    return mean(float(row[name]) for row in rows) or 0.0


def _compared(point: Point) -> dict[str, float | str]:
    works = {cell: make("train", cell, point) for cell in ("lstm", "peephole")}
    times = in_rounds({cell: everystep_llvm.prepare(work).run for cell, work in works.items()}, SECONDS)
    rates = {cell: [works[cell].operations / one / 1e9 for one in times[cell]] for cell in works}
    slower = statistics.median(built / own for built, own in zip(rates["lstm"], rates["peephole"], strict=True))
    return {
        "T, B, I, H": ", ".join(map(str, point)),
        "LSTM, GFLOP/s": statistics.median(rates["lstm"]),
        "one's own, GFLOP/s": statistics.median(rates["peephole"]),
        "times slower": slower,
    }
