"""torch: the native layers on one thread, which is faster where there is little to do."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.peers import torch_native
from benchmarks.peers.contender import Contender, LeftOut
from benchmarks.peers.work import Work


def prepare(work: Work) -> Contender:
    if work.mode == "step":
        raise LeftOut("one step is too short for threads")
    side = torch_native.prepare(work)

    def run() -> Any:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return side.run()
        finally:
            torch.set_num_threads(threads)

    return side._replace(run=run)
