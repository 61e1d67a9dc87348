"""What is fed back: the truth, what was said, or now one and now the other; and penalties on what was recorded."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

import everystep as es
from agreement import check_same, outcome, random_state
from everystep.layers import (
    Feedback,
    Readout,
    VariationalDropout,
    Zoneout,
    activity,
    scheduled_sampling,
    temporal_activity,
)
from layers.by_hand import some


def decoder(cell=es.cells.LSTM, seed=0):
    torch.manual_seed(seed)
    return Feedback(Readout(cell(3 + 2, 8), 2)).double()


@pytest.mark.parametrize("cell", [es.cells.LSTM, es.cells.GRU])
@pytest.mark.parametrize("truth", [1.0, 0.5, 0.0])
def test_feedback_with_sampled_truth_is_compiled_and_agrees_with_the_plain_loop(cell, truth):
    model = decoder(cell)
    x, target, state = some(6, 3, 3), some(6, 3, 2), random_state(model, 3)
    found = []
    for engine in ("llvm", "reference"):
        torch.manual_seed(1)
        found.append(outcome(model, x, state, engine=engine, forced=scheduled_sampling(target, truth)))
    check_same(*found, tolerance=1e-10)  # as promised


def test_what_is_put_out_enters_the_next_step():
    model, x = decoder(), some(5, 2, 3)
    out = es.unroll(model, x)
    inner = model.cell
    state, y = inner.initial_state(2, x), torch.zeros(2, 2, dtype=torch.float64)
    for t in range(5):
        state, y = inner.step(state, torch.cat([x[t], y], -1))
        check_same({"y": out.y[t]}, {"y": y})


def test_the_truth_alone_is_teacher_forcing_and_none_of_it_runs_freely():
    model, x, target = decoder(), some(5, 2, 3), some(5, 2, 2)
    told = es.unroll(model, x, forced=scheduled_sampling(target, 1.0)).y
    assert torch.equal(told, es.unroll(model, x, forced=es.teacher_forcing(target)).y)
    free = es.unroll(model, x, forced=scheduled_sampling(target, 0.0)).y
    check_same({"y": free}, {"y": es.unroll(model, x).y})


def test_what_is_forced_is_the_output_of_the_step_before_where_a_coin_says_so():
    model, x, target = decoder(), some(6, 4, 3), some(6, 4, 2)
    torch.manual_seed(3)
    out = es.unroll(model, x, forced=scheduled_sampling(target, 0.5))
    torch.manual_seed(3)
    told = torch.rand(6, 4) < 0.5
    state = model.initial_state(4, x)
    for t in range(6):
        if t:
            state = state._replace(y=torch.where(told[t].unsqueeze(1), target[t - 1], state.y))
        state, y = model.step(state, x[t])
        check_same({"y": out.y[t]}, {"y": y})


def test_probabilities_may_differ_from_step_to_step():
    target = some(4, 1000, 2)
    where = scheduled_sampling(target, torch.tensor([1.0, 1.0, 0.0, 0.3]).unsqueeze(1))["y"][1]
    assert where[:3].double().mean(1).tolist() == [0.0, 1.0, 0.0]  # nothing comes before the first step
    assert abs(where[3].double().mean() - 0.3) < 0.075  # five standard errors of 1000 coins


def test_gradients_flow_through_what_was_said():
    model, x = decoder(), some(3, 1, 3).requires_grad_()
    target = some(3, 1, 2)
    inputs = torch.autograd.grad(es.unroll(model, x, forced=scheduled_sampling(target, 0.0)).y[2].sum(), x)
    assert inputs[0][0].any()


def test_a_regularised_cell_can_be_fed_back_and_fed_back_cells_regularised():
    torch.manual_seed(0)
    cell = Zoneout(es.cells.LSTM(5, 8), c=0.5, h=0.1)
    model = VariationalDropout(Feedback(Readout(VariationalDropout(cell, inputs=0.3), 2)), h=0.2, y=0.1).double()
    x, target, state = some(4, 3, 3), some(4, 3, 2), random_state(model, 3)
    found = []
    for engine in ("llvm", "reference"):
        torch.manual_seed(1)
        found.append(outcome(model, x, state, engine=engine, forced=scheduled_sampling(target, 0.5)))
    check_same(*found, tolerance=1e-10)


def test_a_model_with_feedback_and_its_state_survive_copying_and_pickling():
    model, x = decoder(), some(4, 2, 3)
    out = es.unroll(model, x)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        state = pickle.loads(pickle.dumps(out.state))
        assert torch.equal(es.unroll(other, x, state).y, es.unroll(model, x, out.state).y)
        assert torch.equal(copy.deepcopy(out.state.y.detach()), out.state.y)


def test_free_running_goes_on_step_by_step_in_a_stream():
    model, x = decoder().eval(), some(4, 1, 3)
    stream = es.stream(model)
    assert torch.equal(torch.stack([stream.step(now) for now in x]), es.unroll(model, x).y)


def test_inside_a_stack_what_is_forced_has_a_path():
    torch.manual_seed(0)
    stack = es.layers.Sequential(es.cells.GRU(4, 3), Feedback(Readout(es.cells.LSTM(3 + 2, 8), 2))).double()
    x, target = some(5, 2, 4), some(5, 2, 2)
    forced = es.teacher_forcing(target)
    inner = es.unroll(stack.layer0.cell, x).y
    expected = es.unroll(stack.layer1.cell, inner, forced=forced).y
    assert torch.equal(stack(x, forced={"layer1.forward.y": forced["y"]}).y, expected)


# -- penalties


def test_activity_is_the_mean_square_of_what_was_computed():
    h, lengths = some(5, 3, 4), [5, 2, 0]
    rows = torch.cat([h[:5, 0], h[:2, 1]])
    changes = torch.cat([h[1:5, 0] - h[:4, 0], h[1:2, 1] - h[:1, 1]])
    check_same({"ar": activity(h, lengths)}, {"ar": rows.square().mean()})
    check_same({"tar": temporal_activity(h, lengths)}, {"tar": changes.square().mean()})
    check_same({"ar": activity(h)}, {"ar": h.square().mean()})
    check_same({"tar": temporal_activity(h)}, {"tar": (h[1:] - h[:-1]).square().mean()})


def test_padding_adds_nothing_to_a_penalty_and_no_steps_cost_nothing():
    h = torch.full((3, 1, 2), torch.nan, dtype=torch.float64, requires_grad=True)
    total = activity(h, [0]) + temporal_activity(h, [1]) + activity(h[:0]) + temporal_activity(h[:1], [1])
    assert total == 0
    (gradient,) = torch.autograd.grad(total, h)
    assert not gradient.any()


def test_penalties_of_what_was_recorded_reach_the_parameters():
    cell = es.cells.LSTM(3, 4).double()
    out = es.unroll(cell, some(5, 2, 3), record=["c"], engine="llvm")
    (activity(out.y) + temporal_activity(out.record["c"])).backward()
    assert all(parameter.grad.any() for parameter in cell.parameters())


REFUSED = [
    (
        lambda: Feedback(es.cells.GRU(3, 4)),
        "Feedback: GRU takes 3 features and puts out 4; expected one that takes those",
    ),
    (lambda: Feedback(es.cells.Jordan(5, 4, 2)), "Feedback: the state of Jordan has a part y; expected"),
    (lambda: scheduled_sampling(some(3, 2, 1), 1.5), "truth holds a number outside of 0 to 1"),
    (
        lambda: scheduled_sampling(some(3, 2, 1), torch.ones(3)),
        "truth has shape (3,); expected one that spreads to (time, batch)",
    ),
]


@pytest.mark.parametrize(("call", "text"), REFUSED)
def test_what_can_not_be_fed_back_is_refused(call, text):
    with pytest.raises(es.errors.EverystepError) as refusal:
        call()
    assert text in str(refusal.value)
