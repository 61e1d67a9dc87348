"""A team that others crowd out gives way to one thread for a while, and comes back."""

from __future__ import annotations

import pytest
import torch

import everystep as es
from everystep.engines.llvm import frame


@pytest.fixture
def crowd(monkeypatch):
    fresh = frame._Crowd()
    monkeypatch.setattr(frame, "_crowd", fresh)
    return fresh


def test_a_call_far_slower_than_the_best_sends_the_next_ones_to_one_thread(crowd):
    pace = frame.Pace()
    one = frame.Frame(
        lambda _: None, (frame.ctypes.c_int64 * 20)(), frame.Team(1, 2, 3, 2, lambda f, a: f(a)), 100, pace
    )
    one._judge(0.0, 1e-3)
    assert crowd.until == 0.0
    one._judge(1.0, 1.1)  # a hundred times slower
    assert crowd.until == pytest.approx(1.1 + frame.SHORTEST)
    one._judge(2.0, 2.1)  # and again: the pause doubles
    assert crowd.until == pytest.approx(2.1 + 2 * frame.SHORTEST)
    one._judge(3.0, 3.0011)
    assert crowd.pause == frame.SHORTEST


def test_results_alone_are_those_of_the_team_to_the_last_bit(crowd):
    torch.manual_seed(0)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        cell, x = es.cells.LSTM(64, 96), torch.randn(40, 16, 64)
        with torch.no_grad():
            together = es.unroll(cell, x).y
            crowd.until = float("inf")
            alone = es.unroll(cell, x).y
            crowd.until = 0.0
            again = es.unroll(cell, x).y
        assert torch.equal(together, alone)
        assert torch.equal(together, again)
    finally:
        torch.set_num_threads(before)
