"""Truncated back-propagation: equal to the full one where the window covers all, and cut exactly at the windows."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import mse_loss

import everystep as es
from everystep.cells import CELLS
from everystep.errors import ArgumentError, ShapeError, TrainingError
from everystep.train import Consecutive, Run, Settings, Truncated, train


def sequence(time=12, rows=2):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(time, rows, 3, dtype=torch.float64, generator=generator)


def built(name="lstm"):
    torch.manual_seed(0)
    return CELLS[name](3, 4).double()


def gradients(cell):
    return {name: parameter.grad.clone() for name, parameter in cell.named_parameters() if parameter.grad is not None}


@pytest.mark.parametrize("name", CELLS)
def test_a_window_that_covers_all_is_full_back_propagation(name):
    full, cut, loss = built(name), built(name), Truncated(mse_loss)
    x = sequence()
    target = torch.randn(12, 2, full.output_size, dtype=torch.float64)
    mse_loss(es.unroll(full, x).y, target).backward()
    loss(cut, Consecutive(x, target, window=12).batch(0, 0)).backward()
    expected = gradients(full)
    assert gradients(cut).keys() == expected.keys()
    assert all(torch.equal(gradient, expected[part]) for part, gradient in gradients(cut).items())


def test_a_stack_is_carried_as_a_cell_is():
    torch.manual_seed(0)
    stack, x = es.layers.Recurrent(es.cells.LSTM, [3, 4, 4]).double(), sequence()
    loss, batches = Truncated(mse_loss), Consecutive(x, torch.zeros(12, 2, 4, dtype=torch.float64), window=6)
    for index in range(2):
        loss(stack, batches.batch(0, index))
    assert list(loss.carried) == [f"layer{n}.forward.{part}" for n in range(2) for part in "hc"]
    assert torch.equal(loss.carried["layer1.forward.c"], stack(x).state[1].forward.c)


@pytest.mark.parametrize("window", [1, 4, 5])
def test_gradients_are_those_of_a_graph_cut_at_the_windows(window):
    cell, by_hand, x = built("gru"), built("gru"), sequence()
    target = torch.randn(12, 2, 4, dtype=torch.float64)
    loss, batches = Truncated(mse_loss), Consecutive(x, target, window)
    for index in range(len(batches)):
        loss(cell, batches.batch(0, index)).backward()
    state = by_hand.initial_state(2, x)
    for start in range(0, 12, window):
        outputs = []
        state = type(state)(*(part.detach() for part in state))
        for t in range(start, min(start + window, 12)):
            state, y = by_hand.step(state, x[t])
            outputs.append(y)
        mse_loss(torch.stack(outputs), target[start : start + window]).backward()
    expected = gradients(by_hand)
    for name, gradient in gradients(cell).items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-12, atol=1e-14)  # the same sums in another order


def test_a_run_cut_in_the_middle_of_a_sequence_goes_on_with_the_carried_state(tmp_path):
    def run(directory, stop_at=None):
        cell, calls = built(), []

        def stopping(y, target):
            if calls.append(1) or len(calls) == stop_at:
                raise OSError("stopped")
            return mse_loss(y, target)

        x = sequence(time=23)
        batches = Consecutive(x, x.cumsum(0).tanh().sum(-1, keepdim=True).expand(-1, -1, 4), window=5)
        kept = Run(directory, every_steps=1)
        train(cell, Truncated(stopping), batches, Settings(epochs=3), run=kept, progress="quiet")
        return [parameter.detach().numpy().tobytes() for parameter in cell.parameters()]

    with pytest.raises(OSError, match="stopped"):
        run(tmp_path / "cut", stop_at=9)
    assert run(tmp_path / "cut") == run(tmp_path / "whole")


def test_the_state_begins_anew_with_each_epoch():
    cell, x = built(), sequence()
    loss, batches = Truncated(mse_loss), Consecutive(x, torch.zeros(12, 2, 4, dtype=torch.float64), window=6)
    first = [loss(cell, batches.batch(0, index)).item() for index in range(2)]
    assert [loss(cell, batches.batch(1, index)).item() for index in range(2)] == first


def test_wrong_windows_and_models_are_refused():
    x = sequence()
    with pytest.raises(ArgumentError, match="window is 0; expected a whole number, 1 or more"):
        Consecutive(x, x, window=0)
    with pytest.raises(ShapeError, match=r"x has shape \(12, 2, 3\) and target \(11, 2, 3\)"):
        Consecutive(x, x[1:], window=3)
    with pytest.raises(TrainingError, match="the model is a Linear; expected an everystep Cell or layer"):
        Truncated(mse_loss)(torch.nn.Linear(3, 3), Consecutive(x, x, window=3).batch(0, 0))
