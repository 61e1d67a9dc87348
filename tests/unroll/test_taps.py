"""Taps belong to the step they are in: not to a step around it, and not to another thread's."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import everystep as es

X = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(0))


def test_taps_of_a_cell_unrolled_inside_a_step_are_not_the_steps_own():
    inner = es.cells.LSTM(3, 3)

    def step(s, x):
        es.tap("forget", x)  # a name that the inner cell uses at each of its steps
        y = es.unroll(inner, x.expand(5, 2, 3), record="forget").y[-1]
        return y, y

    record = es.unroll(step, X, torch.zeros(2, 3), record="all", engine="reference").record
    assert list(record) == ["forget", "state"]
    assert torch.equal(record["forget"], X)


def test_threads_that_unroll_one_cell_do_not_hear_each_other():
    cell = es.cells.GRU(3, 3)
    inputs = [torch.randn(20, 2, 3, generator=torch.Generator().manual_seed(n)) for n in range(8)]

    def recorded(x):
        with torch.no_grad():
            return es.unroll(cell, x, record="all").record

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(recorded, inputs))
    for x, record in zip(inputs, together, strict=True):
        alone = recorded(x)
        assert all(torch.equal(record[name], alone[name]) for name in alone)


def calls(*steps):
    """Make a step that does something else at each call."""
    waiting = iter(steps)

    def step(s, x):
        return next(waiting)(s, x)

    return step


def test_a_tap_that_is_missing_from_a_later_step_is_named():
    step = calls(lambda s, x: (s, es.tap("seen", x)), lambda s, x: (s, x))
    with pytest.raises(es.errors.TapError, match='tap "seen" was used in the first call and is missing from a later'):
        es.unroll(step, X, torch.zeros(2, 3), record="seen", engine="reference")


def test_an_output_that_changes_its_shape_is_named():
    step = calls(lambda s, x: (s, x), lambda s, x: (s, x[:, :1]))
    with pytest.raises(es.errors.StepError, match=r"y has shape \(2, 3\) in the first call and \(2, 1\) in call 2"):
        es.unroll(step, X[:2], torch.zeros(2, 3), engine="reference")
