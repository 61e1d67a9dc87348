"""``torch.nn`` as the outside judge of LSTM, GRU and Elman."""

import pytest
import torch
from torch import nn

from agreement import check_same, outcome, random_state
from cells import torch_twins
from cells.wrong import WRONG_CELLS

TWINS = {
    "lstm": (nn.LSTM, torch_twins.lstm),
    "gru": (nn.GRU, torch_twins.gru),
    "elman": (nn.RNN, torch_twins.elman),
    "elman_relu": (lambda *sizes: nn.RNN(*sizes, nonlinearity="relu"), torch_twins.elman),
}
SHAPES = [(7, 4, 3, 5), (1, 1, 1, 1), (2, 3, 4, 4), (13, 2, 8, 17), (5, 1, 2, 3)]  # (time, batch, input, hidden)


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "backward"])
def test_a_cell_equals_its_torch_twin_in_outputs_state_and_every_gradient(name, shape, reverse):
    steps, rows, inputs, hidden = shape
    torch.manual_seed(steps)
    make_module, make_cell = TWINS[name]
    module = make_module(inputs, hidden).double()
    cell = make_cell(module)
    x, state = torch.randn(steps, rows, inputs, dtype=torch.float64), random_state(cell, rows)
    got = outcome(cell, x, state, reverse=reverse)
    check_same(got, torch_twins.torch_outcome(module, x, state, reverse=reverse))


@pytest.mark.parametrize("wrong", WRONG_CELLS)
def test_a_wrong_lstm_is_rejected_by_the_comparison(wrong):
    torch.manual_seed(0)
    module = nn.LSTM(3, 5).double()
    right = torch_twins.lstm(module)
    cell = wrong(3, 5).double()
    cell.load_state_dict(right.state_dict())
    x, state = torch.randn(6, 4, 3, dtype=torch.float64), random_state(right, 4)
    with pytest.raises(AssertionError, match="differs by"):
        check_same(outcome(cell, x, state), torch_twins.torch_outcome(module, x, state))


def test_both_directions_equal_a_bidirectional_torch_lstm():
    torch.manual_seed(1)
    module = nn.LSTM(3, 5, bidirectional=True).double()
    x = torch.randn(9, 4, 3, dtype=torch.float64)
    state = random_state(torch_twins.lstm(nn.LSTM(3, 5)), 4)
    forward = outcome(torch_twins.lstm(module), x, state)
    backward = outcome(torch_twins.lstm(module, "l0_reverse"), x, state, reverse=True)
    y, (h, c) = module(x, tuple(torch.stack([part, part]) for part in state))
    ours = {
        "y": torch.cat([forward["y"], backward["y"]], -1),
        "h": torch.stack([forward["final h"], backward["final h"]]),
    }
    check_same(ours | {"c": torch.stack([forward["final c"], backward["final c"]])}, {"y": y, "h": h, "c": c})


def test_a_ragged_batch_equals_torchs_packed_sequence():
    torch.manual_seed(2)
    module = nn.LSTM(3, 5, bidirectional=True).double()
    lengths = torch.tensor([9, 2, 5, 1])
    x = torch.randn(9, 4, 3, dtype=torch.float64)
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
    y, (h, _) = module(packed)
    y, _ = nn.utils.rnn.pad_packed_sequence(y, total_length=9)
    start = random_state(torch_twins.lstm(nn.LSTM(3, 5)), 4)
    zeros = type(start)(*(torch.zeros_like(part) for part in start))
    forward = outcome(torch_twins.lstm(module), x, zeros, lengths=lengths)
    backward = outcome(torch_twins.lstm(module, "l0_reverse"), x, zeros, lengths=lengths, reverse=True)
    ours = {
        "y": torch.cat([forward["y"], backward["y"]], -1),
        "h": torch.stack([forward["final h"], backward["final h"]]),
    }
    check_same(ours, {"y": y, "h": h})
