"""Sequences of unlike lengths against the same work padded: LSTM, forward and backward, lengths T/2 to T."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import everystep as es
from benchmarks.peers import torch_work
from benchmarks.peers.timing import in_rounds
from benchmarks.peers.work import Point, make

TITLE = "A ragged batch"
POINT = Point(500, 16, 64, 64)
SECONDS = 1.0


def measure() -> list[dict[str, float | str]]:
    work = make("train", "lstm", POINT)
    lengths = torch.linspace(POINT.steps // 2, POINT.steps, POINT.rows).round().long()
    lengths = lengths[torch.from_numpy(np.random.default_rng(0).permutation(POINT.rows))]
    cell, layer = es.cells.LSTM(POINT.inputs, POINT.hidden), nn.LSTM(POINT.inputs, POINT.hidden)
    drop_in = es.nn.LSTM(POINT.inputs, POINT.hidden)

    def packed(x: Tensor, layer: nn.Module = layer) -> Tensor:
        out = layer(pack_padded_sequence(x, lengths, enforce_sorted=False))[0]
        return pad_packed_sequence(out, total_length=POINT.steps)[0]

    def side(forward: Callable[[Tensor], Tensor], module: nn.Module) -> Callable[[], object]:
        return torch_work.contender(work, forward, dict(module.named_parameters())).run

    times = in_rounds(
        {
            "everystep, padded": side(lambda x: es.unroll(cell, x).y, cell),
            "everystep, ragged": side(lambda x: es.unroll(cell, x, lengths=lengths).y, cell),
            "es.nn, padded": side(lambda x: drop_in(x)[0], drop_in),
            "es.nn, packed": side(lambda x: packed(x, drop_in), drop_in),
            "torch native, padded": side(lambda x: layer(x)[0], layer),
            "torch native, packed": side(packed, layer),
        },
        SECONDS,
    )
    steps = float(lengths.sum()) / (POINT.steps * POINT.rows)
    return [_row(name, times, steps) for name in times]


def _row(name: str, times: dict[str, list[float]], steps: float) -> dict[str, float | str]:
    """Ragged work is held against the part of the padded time that its steps are worth."""
    padded = times[name.partition(",")[0] + ", padded"]
    of_padded = statistics.median(own / full for own, full in zip(times[name], padded, strict=True))
    part = 1.0 if times[name] is padded else steps
    return {
        "side": name,
        "ms": 1e3 * statistics.median(times[name]),
        "steps, of padded": part,
        "time, of padded": of_padded,
        "time for its steps": of_padded / part,
    }
