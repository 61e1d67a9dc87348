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


def framed(pace):
    return frame.Frame(
        lambda _: None, (frame.ctypes.c_int64 * 20)(), frame.Team(1, 2, 3, 2, lambda f, a: f(a)), 100, pace
    )


def test_a_program_that_only_ran_in_a_crowd_is_known_to_be_slow(crowd):
    """Found by timing: a small LSTM took 30 ms a call for half a minute, where it takes a tenth of one."""
    one = framed(frame.Pace.of(15_000))
    one._judge(0.0, 11e-3)  # 1.5 million multiplications in 11 ms: a slow machine perhaps
    assert crowd.until == 0.0
    one._judge(1.0, 1.03)
    assert crowd.until > 1.03
    assert frame.Pace.of(0) == frame.Pace()


def test_a_call_far_slower_than_the_best_sends_the_next_ones_to_one_thread(crowd):
    one = framed(frame.Pace())
    one._judge(0.0, 1e-3)
    assert crowd.until == 0.0
    one._judge(1.0, 1.1)  # a hundred times slower
    assert crowd.until == pytest.approx(1.1 + 0.1 * frame.ALONE)
    one._judge(2.0, 2.1)  # and again: twice as long
    assert crowd.until == pytest.approx(2.1 + 0.2 * frame.ALONE)
    one._judge(3.0, 3.0011)
    assert crowd.times == frame.ALONE


def test_one_stall_of_a_short_step_does_not_cost_many_of_them(crowd):
    """Found by timing: a stall of 4 ms sent thousands of steps of 40 us, a second of them, to one thread."""
    one = framed(frame.Pace())
    one._judge(0.0, 40e-6)
    one._judge(1.0, 1.004)
    assert 1.004 < crowd.until < 1.03


def test_a_process_that_stays_crowded_looks_for_the_team_every_few_seconds(crowd):
    one, now = framed(frame.Pace(1e-9)), 0.0
    for _ in range(40):
        one._judge(now, now + 0.03)
        now = crowd.until
    assert crowd.until - now <= frame.LONGEST
    one._judge(now, now + 0.03)
    assert crowd.until == pytest.approx(now + 0.03 + frame.LONGEST)


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
