"""everystep: what a user writes, steps one by one on NumPy arrays."""

from __future__ import annotations

import numpy as np

import everystep as es
from benchmarks.peers import torch_work
from benchmarks.peers.cells import filled
from benchmarks.peers.contender import Contender
from benchmarks.peers.work import Work


def prepare(work: Work) -> Contender:
    cell = filled(work)
    if work.mode == "step":
        return streamed(cell, work.point.rows, list(work.x))
    # the engine that a user gets without naming it; named here, so that the reference loop never runs unnoticed
    return torch_work.contender(work, lambda x: es.unroll(cell, x, engine="llvm").y, dict(cell.named_parameters()))


def streamed(cell: es.Cell, rows: int, inputs: list) -> Contender:
    """Make a side that takes one step after the other."""
    stream = es.stream(cell, batch_size=rows, engine="llvm")

    def run() -> list:
        stream.reset()
        return [stream.step(x) for x in inputs]

    return Contender(run, lambda outputs: {"y": np.stack([np.asarray(y) for y in outputs])})
