"""everystep: es.nn.RNN, es.nn.LSTM and es.nn.GRU, the drop-ins for torch's layers; what they add to unroll included."""

from __future__ import annotations

import everystep as es
from benchmarks.peers import torch_native
from benchmarks.peers.contender import Contender, LeftOut
from benchmarks.peers.work import Work

LAYERS = {"elman": es.nn.RNN, "lstm": es.nn.LSTM, "gru": es.nn.GRU}


def prepare(work: Work) -> Contender:
    if work.cell not in LAYERS:
        raise LeftOut("torch.nn has no such layer")
    if work.mode == "step":
        raise LeftOut("steps one by one are everystep.stream's")
    return torch_native.whole(work, LAYERS[work.cell])
