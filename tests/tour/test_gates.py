"""N7's figures tell gates apart; its parallel training is honest."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch

from everystep.cells import GRU, LSTM
from everystep.tour.latch import READ, WRITE, held_value, random_latch, target_of, written_latch
from everystep.tour.n7_gates import Reader, gru_figures, lstm_figures
from everystep.tour.seeds import best_of, train_seeds
from everystep.unroll import unroll

GATES = ("forget", "input", "output")
SURE = 20.0  # a pre-activation of ±10 leaves a gate within 5e-5 of open or closed


def written_lstm():
    """Write down the LSTM unit that solves the task: gates listen to the marks, the candidate to the value."""
    cell = LSTM(3, 1)
    with torch.no_grad():
        cell.W.zero_()
        cell.U.copy_(
            torch.tensor([[0, SURE, 0], [0, -SURE, 0], [2.0, 0, 0], [0, 0, SURE]])
        )  # input, forget, candidate, output
        cell.b.copy_(torch.tensor([-SURE / 2, SURE / 2, 0, -SURE / 2]))
    return cell


def bars(figures):
    return (
        figures["forget_holding"] >= 0.9,
        figures["forget_on_write"] <= 0.2,
        figures["input_on_minus_off"] >= 0.5,
        figures["output_read_minus_not"] >= 0.4,
    )


@pytest.fixture(scope="module")
def recorded():
    x = random_latch(40, 100, torch.Generator().manual_seed(0))
    return x, unroll(written_lstm(), x, record=GATES).record


def test_the_lstm_one_would_write_down_passes_every_bar(recorded):
    x, record = recorded
    assert all(bars(lstm_figures(record, x)))


@pytest.mark.parametrize("order", [order for order in permutations(GATES) if order != GATES], ids="-".join)
def test_gates_under_each_others_names_fail(recorded, order):
    x, record = recorded
    shuffled = {name: record[other] for name, other in zip(GATES, order, strict=True)}
    assert not all(bars(lstm_figures(shuffled, x)))


def test_an_untrained_lstm_fails():
    torch.manual_seed(0)
    x = random_latch(40, 100, torch.Generator().manual_seed(0))
    assert not all(bars(lstm_figures(unroll(LSTM(3, 1), x, record=GATES).record, x)))


def test_the_held_value_is_the_last_one_written_and_0_before():
    x = written_latch([1, -1, 1, -1, 1], writes=[2, 5], reads=[1, 3])
    assert held_value(x).flatten().tolist() == [0, -1, -1, -1, 1]
    assert target_of(x).flatten().tolist() == [0, 0, -1, 0, 0]


def test_distractors_change_no_target():
    x = random_latch(30, 50, torch.Generator().manual_seed(1))
    other = x.clone()
    other[..., 0] = torch.where(x[..., WRITE] > 0, x[..., 0], -x[..., 0])
    assert torch.equal(target_of(x), target_of(other))


def test_no_step_is_written_and_read_at_once():
    x = random_latch(100, 100, torch.Generator().manual_seed(2))
    assert not ((x[..., WRITE] > 0) & (x[..., READ] > 0)).any()


def test_seeds_trained_side_by_side_are_the_seeds_trained_alone():
    def make():
        return Reader(LSTM(3, 1)).double()

    def batch(generator):
        x = random_latch(6, 8, generator).double()
        return x, target_of(x)

    together = train_seeds(make, batch, seeds=3, steps=25, rate=0.05)
    for seed, network in enumerate(together):
        alone = trained_alone(make, batch, seed)
        for name, value in alone.state_dict().items():
            # float64: the same sums in another order, 25 steps of Adam long
            torch.testing.assert_close(network.state_dict()[name], value, rtol=1e-9, atol=1e-9)


def trained_alone(make, batch, seed):
    torch.manual_seed(seed)
    network, generator = make(), torch.Generator().manual_seed(0)
    adam = torch.optim.Adam(network.parameters(), lr=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, 0.05, total_steps=25, pct_start=0.1)
    for _ in range(25):
        x, target = batch(generator)
        adam.zero_grad()
        (network(x) - target).square().mean().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adam.step()
        schedule.step()
    return network


def test_the_best_is_the_one_with_the_smallest_validation_loss():
    x = random_latch(20, 20, torch.Generator().manual_seed(3))
    solved = Reader(written_lstm())
    with torch.no_grad():
        solved.readout.weight.fill_(1 / torch.tanh(torch.tanh(torch.tensor(2.0))))
        solved.readout.bias.zero_()
    torch.manual_seed(0)
    place, losses = best_of([Reader(LSTM(3, 1)), solved, Reader(LSTM(3, 1))], x, target_of(x))
    assert place == 1
    assert losses[1] < 1e-6  # the gates are open or closed to 5e-5


def test_the_gru_figures_take_the_keeping_unit_whichever_it_is():
    x = random_latch(40, 50, torch.Generator().manual_seed(4))
    torch.manual_seed(1)
    record = unroll(GRU(3, 2), x, record=("update", "reset")).record
    swapped = {name: values.flip(-1) for name, values in record.items()}
    assert gru_figures(record, x) == gru_figures(swapped, x)
