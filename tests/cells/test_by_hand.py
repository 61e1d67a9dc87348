"""Cells that no package has, held against their papers' equations in NumPy; every cell has an outside judge."""

import numpy as np
import pytest
import torch

import everystep as es
from agreement import check_same, random_state
from cells import by_hand, test_against_packages, test_against_torch
from everystep.cells import CELLS

STEPS, ROWS, HIDDEN = 4, 2, 5
ELSEWHERE = {"lstmp"}  # torch.nn.LSTM with proj_size, beside the drop-ins


def test_every_cell_has_an_outside_judge():
    judged = {*by_hand.STEPS, *test_against_packages.NAMES, *test_against_torch.TWINS, *ELSEWHERE}
    assert judged == set(CELLS)


def numbers(value):
    return value.detach().numpy()


@pytest.mark.parametrize("inputs", [3, HIDDEN])
@pytest.mark.parametrize("name", by_hand.STEPS)
def test_a_cell_is_its_equations(name, inputs):
    torch.manual_seed(0)
    cell = CELLS[name](inputs, HIDDEN).double()
    with torch.no_grad():
        for value in cell.parameters():
            value.add_(torch.randn_like(value), alpha=0.3)  # biases and scales as well are those of no start
    x, state = torch.randn(STEPS, ROWS, inputs, dtype=torch.float64), random_state(cell, ROWS)
    out = es.unroll(cell, x, state, engine="reference")
    parameters = {weight: numbers(value) for weight, value in cell.named_parameters()}
    for row in range(ROWS):
        parts = {part: numbers(value[row]) for part, value in state._asdict().items()}
        expected = []
        for t in range(STEPS):
            parts, y = by_hand.STEPS[name](parameters, parts, numbers(x[t, row]))
            expected.append(y)
        got = {"y": out.y[:, row], **{part: value[row] for part, value in out.state._asdict().items()}}
        theirs = {"y": np.stack(expected), **parts}
        check_same(got, {what: torch.from_numpy(value) for what, value in theirs.items()})
