"""Loops whose columns go through time apart: which they are, and that sharing them changes nothing."""

from typing import NamedTuple

import pytest
import torch

import everystep as es
from agreement import outcome, random_state
from everystep.cells import CELLS
from everystep.engines.llvm import programs, regions
from everystep.engines.llvm.build import Built, emit

HIDDEN = 70  # five vectors of sixteen, the last one in part


class HalvesState(NamedTuple):
    s: torch.Tensor


class Halves(es.Cell[HalvesState]):
    """A leaky state whose halves are read as they are, exchanged, or turned by a few features."""

    State = HalvesState

    def __init__(self, half, turn):
        super().__init__(2 * half, 2 * half, s=2 * half)
        self.turn = turn

    def step(self, state, x):
        n = self.turn
        turned = torch.cat([state.s[:, n:], state.s[:, :n]], 1) if n else state.s
        s = 0.5 * turned + x
        return HalvesState(s), s


@pytest.fixture
def found(monkeypatch):
    """How many tiles go apart in each loop that is compiled."""
    counts, real = [], regions.tiles_apart

    def counting(plan, layout):
        counts.append(real(plan, layout))
        return counts[-1]

    monkeypatch.setattr(regions, "tiles_apart", counting)
    monkeypatch.setattr(programs, "build", lambda _, make, target: Built(emit(make(), target), target))
    monkeypatch.setattr(programs, "WORTH_SHARING", 0)
    before = torch.get_num_threads()
    yield counts
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["mingru", "qrnn", "sru", "lru", "indrnn"])
def test_columns_of_gates_that_scale_and_add_go_apart_and_bits_do_not_depend_on_it(name, found):
    torch.manual_seed(0)
    cell = CELLS[name](80, HIDDEN)
    for rows in (1, 40):
        x, state = torch.randn(6, rows, 80), random_state(cell, rows, torch.float32)
        torch.set_num_threads(1)
        expected = outcome(cell, x, state, engine="llvm")
        for threads in (2, 3):
            torch.set_num_threads(threads)
            got = outcome(cell, x, state, engine="llvm")
            assert all(torch.equal(got[key], value) for key, value in expected.items())
    assert min(found) > 1


@pytest.mark.parametrize("name", ["lstm", "elman", "jordan", "layernorm_lstm"])
def test_columns_that_read_others_do_not_go_apart(name, found):
    cell = CELLS[name](80, HIDDEN)
    outcome(cell, torch.randn(3, 2, 80), random_state(cell, 2, torch.float32), engine="llvm")
    assert not any(found)


@pytest.mark.parametrize("turn", [0, 32, 7])
def test_a_state_that_moves_among_its_features_is_the_same_for_any_threads(turn, found):
    torch.manual_seed(0)
    cell, x = Halves(32, turn), torch.randn(50, 1, 64)
    state = random_state(cell, 1, torch.float32)
    torch.set_num_threads(1)
    expected = es.unroll(cell, x, state, engine="reference")
    for threads in (1, 2, 4):
        torch.set_num_threads(threads)
        got = es.unroll(cell, x, state, engine="llvm")
        # sums of two numbers: the same operations in the same order
        assert torch.equal(got.y, expected.y)
        assert torch.equal(got.state.s, expected.state.s)
    assert bool(found[0]) == (turn != 7)


def test_sweeps_without_products_ask_for_memory_a_row_ahead():
    assert "llvm.prefetch" in es.explain(Halves(32, 0)).llvm("inference")
    assert "llvm.prefetch" not in es.explain(CELLS["elman"](80, HIDDEN)).llvm("inference")
