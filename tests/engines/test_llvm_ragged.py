"""Sequences of unlike lengths: packed, shared out among threads chunk by chunk, and spread again."""

from importlib import import_module

import numpy as np
import pytest
import torch

import everystep as es
from agreement import outcome, random_state
from everystep.engines.llvm import programs

STEPS, LENGTHS = 40, [40, 3, 17, 40, 0, 22, 31, 8, 1, 29, 12]
ROWS = len(LENGTHS)


@pytest.fixture
def cell():
    torch.manual_seed(0)
    return es.cells.LSTM(5, 12)


@pytest.fixture
def many_chunks(monkeypatch):
    for name, value in {"WORTH_SHARING": 0, "CHUNK_BYTES": 1, "CHUNK_ROWS": 6 * ROWS}.items():
        monkeypatch.setattr(programs, name, value)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.usefixtures("many_chunks")
def test_sharing_every_chunk_anew_changes_no_bit(cell, reverse):
    x, state = torch.randn(STEPS, ROWS, 5), random_state(cell, ROWS, torch.float32)
    torch.set_num_threads(1)
    expected = outcome(cell, x, state, engine="llvm", lengths=LENGTHS, reverse=reverse)
    for threads in (2, 3):
        torch.set_num_threads(threads)
        found = outcome(cell, x, state, engine="llvm", lengths=LENGTHS, reverse=reverse)
        assert all(torch.equal(found[name], value) for name, value in expected.items())


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("pieces", [1, 2, 3])
def test_every_thread_takes_as_many_steps_of_a_chunk(backward, pieces):
    lengths = torch.tensor(sorted(LENGTHS, reverse=True))
    cuts = np.array(programs.balanced(lengths, STEPS, pieces, 7, backward=backward)).reshape(-1, pieces + 1)
    ends = range(STEPS, 0, -7) if backward else range(7, STEPS + 7, 7)
    for end, (first, *rest) in zip(ends, cuts, strict=True):
        own = np.clip(lengths.numpy(), max(end - 7, 0), min(end, STEPS)) - max(end - 7, 0)
        assert (first, rest[-1]) == (0, ROWS)
        each = [own[low:high].sum() for low, high in zip((first, *rest), rest, strict=False)]
        assert sum(each) == own.sum()
        assert max(each) - own.sum() / pieces <= own.max()  # a row is not cut


def test_the_order_of_sequences_changes_no_bit_of_theirs(cell):
    x, order = torch.randn(STEPS, ROWS, 5), torch.tensor(LENGTHS).argsort(descending=True)
    y = es.unroll(cell, x, lengths=LENGTHS, engine="llvm").y
    assert torch.equal(es.unroll(cell, x[:, order], lengths=torch.tensor(LENGTHS)[order], engine="llvm").y, y[:, order])


@pytest.mark.parametrize("arguments", [{"lengths": [STEPS] * ROWS}, {"mask": torch.ones(STEPS, ROWS).bool()}], ids=str)
def test_where_every_step_is_used_it_is_as_if_nothing_were_said(cell, arguments, monkeypatch):
    x, state = torch.randn(STEPS, ROWS, 5), random_state(cell, ROWS, torch.float32)
    expected = outcome(cell, x, state, engine="llvm")
    monkeypatch.setattr(import_module("everystep.engines.llvm.run"), "pack", None)  # not called
    for _ in range(2):
        found = outcome(cell, x, state, engine="llvm", **arguments)
        assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_lengths_seen_first_in_inference_mode_serve_training_too(cell):
    lengths = [9, 2, 5]
    x = torch.randn(9, 3, 5)
    with torch.inference_mode():
        es.unroll(cell, x, lengths=lengths, engine="llvm")
    x.requires_grad_()
    (first,) = torch.autograd.grad(es.unroll(cell, x, lengths=lengths).y.sum(), x)
    assert not first[5:, 2].any()
    assert first[:5, 2].any()


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.usefixtures("many_chunks")
def test_memory_of_a_call_serves_another_one_with_other_lengths(cell, reverse):
    """As many chunks as before, more and fewer: one, which 6 steps take, and seven."""
    torch.set_num_threads(2)
    for lengths in ([5] + [6] * 10, LENGTHS, [6] * 10 + [0], sorted(LENGTHS), LENGTHS[::-1], [1] * 11):
        x, state = torch.randn(STEPS, ROWS, 5), random_state(cell, ROWS, torch.float32)
        expected = outcome(cell, x, state, engine="reference", lengths=lengths, reverse=reverse)
        found = outcome(cell, x, state, engine="llvm", lengths=lengths, reverse=reverse)
        for name, value in expected.items():  # float32 rounds to 6e-8, gradients of weights sum up 40 steps of 11 rows
            torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-4)
