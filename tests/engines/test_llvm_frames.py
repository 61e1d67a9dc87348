"""Scratch memory of calls is used again, and never grows with the number of shapes that were seen."""

from __future__ import annotations

import gc
import threading

import pytest
import torch

import everystep as es
from everystep.engines.llvm import frames


def keepers():
    """Everything in this process that keeps frames."""
    gc.collect()
    return [one for one in gc.get_objects() if type(one) in {frames.Frames, frames.PackedFrames}]


def let_go():
    """Begin as a process that has kept nothing yet, whatever ran in it before."""
    for one in keepers():
        one._free.clear()
    frames._forget()


def held():
    """Bytes of all frames that are kept and not in use."""
    lists = [free for one in keepers() for free in one._free.values()]
    kept = [item if isinstance(item, frames.Ready) else item[0] for free in lists for item in free]
    return sum(ready.size for ready in kept if ready.size > frames.SMALL)


@pytest.mark.parametrize("lengths", [False, True])
def test_memory_that_is_kept_does_not_grow_with_shapes(monkeypatch, lengths):
    monkeypatch.setattr(frames, "MOST_HELD", 3 << 20)
    let_go()
    cells = [es.cells.LSTM(8, 64) for _ in range(3)]
    for many in range(60, 90, 3):
        for cell in cells:
            x = torch.randn(12, many, 8)
            given = torch.randint(1, 12, (many,)) if lengths else None
            es.unroll(cell, x, lengths=given).y.sum().backward()
            assert frames._shelf.bytes <= 3 << 20
    assert 0 < held() <= 3 << 20
    assert held() == frames._shelf.bytes


def test_a_frame_that_is_in_use_is_nobody_elses():
    shelf, free, taken = frames._Shelf(), [], []
    for n in range(40):
        shelf.put(free, [n], frames.SMALL + 1)

    def take():
        while True:
            try:
                taken.append(shelf.take(free))
            except IndexError:
                return

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [[n] for n in range(40)]
    assert shelf.bytes == 0
