"""Memory: what stood in it changes nothing, nothing is read or written beyond it, long sequences fit into it."""

import subprocess
import sys

import pytest
import torch

from agreement import check_same, outcome, random_state
from everystep.cells import CELLS
from everystep.engines.llvm import forward, programs, recipes, slots
from machine_code import fenced

STEPS, ROWS = 5, 3


def made(name, hidden, dtype=torch.float64, inputs=3):
    torch.manual_seed(0)
    cell = CELLS[name](inputs, hidden).to(dtype)
    return cell, torch.randn(STEPS, ROWS, inputs).to(dtype), random_state(cell, ROWS, dtype)


def by_a_fence(value):
    """The same tensor, which ends where the process may not read."""
    return torch.from_numpy(fenced(value.detach().numpy())) if value.numel() else value.detach()


@pytest.fixture
def filled_with_nan():
    before = torch.are_deterministic_algorithms_enabled(), torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(before[0])
    torch.utils.deterministic.fill_uninitialized_memory = before[1]


ASKED = {
    "plain": {},
    "lengths": {"lengths": [5, 0, 2], "record": "all", "reverse": True},
    "segments": {"recompute": "segments", "resets": torch.rand(STEPS, ROWS) < 0.3},
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("name", ["lstm", "gru_before", "jordan"])
def test_what_stands_in_memory_before_changes_nothing(name, asked, filled_with_nan):
    cell, x, state = made(name, 5, torch.float32)
    expected = outcome(cell, x, state, engine="reference", **ASKED[asked])
    for _ in range(2):
        # float32 rounds to 6e-8; a NaN that was read would be a NaN here
        check_same(outcome(cell, x, state, engine="llvm", **ASKED[asked]), expected, 1e-5)


@pytest.mark.parametrize("hidden", [1, 7, 8, 9, 17])
@pytest.mark.parametrize("asked", ["plain", "lengths"])
def test_nothing_is_touched_beyond_its_end(hidden, asked, monkeypatch):
    def scratch(memory, rows, chunk):
        size, offsets = memory._arranged(rows, chunk)
        return by_a_fence(torch.zeros(size, dtype=torch.uint8)), offsets

    cell, x, state = made("gru_before", hidden)
    expected = outcome(cell, x, state, engine="reference", **ASKED[asked])
    for parameter in cell.parameters():
        parameter.data = by_a_fence(parameter)
    monkeypatch.setattr(programs._Memory, "take", scratch)
    for module in (forward, recipes):
        if hasattr(module, "room"):
            monkeypatch.setattr(module, "room", lambda *shape, dtype: by_a_fence(torch.zeros(shape, dtype=dtype)))
    for module in (slots, recipes):
        monkeypatch.setattr(module, "room_like", lambda value: by_a_fence(torch.zeros_like(value)))
    monkeypatch.setattr(
        recipes, "kept", lambda rows, sizes, dtype: [by_a_fence(torch.zeros(rows, n, dtype=dtype)) for n in sizes]
    )
    x, state = by_a_fence(x), type(state)(*map(by_a_fence, state))
    for _ in range(2):
        check_same(outcome(cell, x, state, engine="llvm", **ASKED[asked]), expected, 1e-10)


def test_rows_far_apart_in_memory_are_found():
    """x of more than 2^31 bytes, most of which is never touched: columns of a wide matrix."""
    cell, x, state = made("elman", 4, torch.float32)
    wide = torch.empty(STEPS, ROWS, 2**27)[:, :, :3]
    wide.copy_(x)
    check_same(outcome(cell, wide, state, engine="llvm"), outcome(cell, x, state, engine="llvm"), 0.0)


LONG = """
import resource
import torch
import everystep as es
cell = es.cells.LSTM(2, 8)
x = torch.randn({steps}, 2, 2)
es.unroll(cell, x[:100], recompute="segments", engine="llvm").y.sum().backward()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
es.unroll(cell, x, recompute="segments", engine="llvm").y.sum().backward()
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="tells memory otherwise")
def test_a_hundred_thousand_steps_train_in_bounded_memory():
    steps = 100_000
    found = subprocess.run(
        [sys.executable, "-c", LONG.format(steps=steps)], check=True, capture_output=True, timeout=100
    )
    # y and its gradient, dense and as torch hands it over, take 4 x 16 numbers a step; all that is kept 100 more
    assert int(found.stdout) < 4 * steps * 16 * 6
