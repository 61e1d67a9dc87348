"""torch: the same loop under TorchScript."""

from __future__ import annotations

import warnings
from functools import cache

import torch
from torch import Tensor

from benchmarks.peers.contender import Contender, LeftOut
from benchmarks.peers.torch_loop import looped
from benchmarks.peers.torch_steps import LOOPS
from benchmarks.peers.work import Work


def prepare(work: Work) -> Contender:
    if work.mode == "step":
        raise LeftOut("a script of one step is slower than the step itself")
    return looped(work, _scripted(work.cell, *work[:1], *work.point))


@cache  # TorchScript specialises a function to what it first sees
def _scripted(cell: str, *_key: object) -> torch.jit.ScriptFunction[[Tensor], Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that TorchScript is deprecated
        return torch.jit.script(LOOPS[cell])
