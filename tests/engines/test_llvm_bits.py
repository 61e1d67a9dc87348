"""Which bits are always the same: for any number of threads, any cut of time, from run to run."""

import gc

import pytest
import torch

import everystep as es
from agreement import outcome, random_state
from everystep.cells import CELLS
from everystep.engines.llvm import pool, programs
from everystep.engines.llvm.frames import Frames

STEPS, ROWS, INPUTS, HIDDEN = 9, 13, 70, 20  # x is wide enough to be hoisted; no size is a multiple of a vector


@pytest.fixture(autouse=True)
def every_work_is_worth_sharing(monkeypatch):
    monkeypatch.setattr(programs, "WORTH_SHARING", 0)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def made(name):
    torch.manual_seed(0)
    cell = CELLS[name](INPUTS, HIDDEN)
    return cell, torch.randn(STEPS, ROWS, INPUTS), random_state(cell, ROWS, torch.float32)


def check_equal(got, expected):
    for name, value in expected.items():
        assert torch.equal(got[name], value), name


@pytest.mark.parametrize(
    "arguments", [{}, {"lengths": [9, 1, 5, 9, 0, 3, 2, 8, 7, 9, 4, 6, 5]}], ids=["even", "ragged"]
)
@pytest.mark.parametrize("name", ["lstm", "gru_before", "jordan"])
def test_bits_are_the_same_for_any_number_of_threads_and_from_run_to_run(name, arguments):
    cell, x, state = made(name)
    torch.set_num_threads(1)
    expected = outcome(cell, x, state, engine="llvm", **arguments)
    for threads in (1, 2, 4):
        torch.set_num_threads(threads)
        check_equal(outcome(cell, x, state, engine="llvm", **arguments), expected)


@pytest.mark.parametrize("rows", [1, ROWS])
@pytest.mark.parametrize("name", ["lstm", "gru_before", "jordan"])
def test_bits_are_the_same_for_any_cut_of_time(name, rows):
    cell, x, state = made(name)
    x, state = x[:, :rows], type(state)(*(part[:rows] for part in state))
    whole = es.unroll(cell, x, state, record="all", engine="llvm")
    for cut in (1, 4, 8):
        first = es.unroll(cell, x[:cut], state, record="all", engine="llvm")
        second = es.unroll(cell, x[cut:], first.state, record="all", engine="llvm")
        assert torch.equal(torch.cat([first.y, second.y]), whole.y)
        check_equal(second.state._asdict(), whole.state._asdict())
        for recorded, values in whole.record.items():
            assert torch.equal(torch.cat([first.record[recorded], second.record[recorded]]), values), recorded


@pytest.mark.parametrize("name", ["lstm", "gru_before"])
def test_the_gradient_of_x_is_the_same_for_any_cut_of_time(name):
    cell, x, state = made(name)
    x.requires_grad_()
    weights = torch.randn(STEPS, ROWS, HIDDEN)

    def gradient(*cuts):
        current, total = state, 0
        for low, high in zip((0, *cuts), (*cuts, STEPS), strict=True):
            out = es.unroll(cell, x[low:high], current, engine="llvm")
            current, total = out.state, total + (out.y * weights[low:high]).sum()
        return torch.autograd.grad(total, x)[0]

    expected = gradient()
    assert torch.equal(gradient(1), expected)
    assert torch.equal(gradient(4, 8), expected)


def test_training_and_inference_give_the_same_bits():
    cell, x, state = made("lstm")
    trained = es.unroll(cell, x, state, engine="llvm")
    with torch.no_grad():
        assert torch.equal(es.unroll(cell, x, state, engine="llvm").y, trained.y)
    by_segments = es.unroll(cell, x, state, engine="llvm", recompute="segments")
    assert torch.equal(by_segments.y, trained.y)


@pytest.mark.parametrize("name", ["lstm", "gru_before", "jordan", "layernorm_lstm"])
def test_bits_do_not_depend_on_whether_threads_share_columns(name, monkeypatch):
    """Three rows, forward and backward: by rows on one thread, by columns on two and three."""
    monkeypatch.setattr(programs, "WORTH_SHARING", 0)
    monkeypatch.setattr(pool, "_stay_awake", lambda _: True)
    monkeypatch.setattr(pool, "_teams", {})
    torch.manual_seed(0)
    cell = CELLS[name](5, 70)
    x = torch.randn(4, 3, 5)
    before, found = torch.get_num_threads(), []
    try:
        for threads, worth in ((1, 1 << 40), (2, 0), (3, 0), (2, 1 << 40)):
            monkeypatch.setattr(programs, "WORTH_COLUMNS", worth)
            torch.set_num_threads(threads)
            for frames in [one for one in gc.get_objects() if type(one) is Frames]:
                frames._free.clear()
            y = es.unroll(cell, x, engine="llvm").y
            found.append((y.detach(), *torch.autograd.grad(y.square().sum(), list(cell.parameters()))))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))
