"""What ``unroll`` does with starts, streams, contexts, masks, resets, forced values, records and plain functions."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

import everystep as es


class Running(NamedTuple):
    total: Tensor  # (batch, size)


class RunningSum(es.Cell[Running]):
    """A cell without parameters, so that every number can be done in the head."""

    State = Running

    def __init__(self, size=1):
        super().__init__(size, size, total=size)

    def step(self, state, x):
        total = es.tap("before", state.total) + x
        return Running(total), total


class LearnedSum(RunningSum):
    """A running sum whose start is a parameter."""

    def __init__(self):
        super().__init__(1)
        self.start = nn.Parameter(torch.tensor([10.0]))

    def initial_state(self, batch_size, like, context=None):
        return Running(self.start.expand(batch_size, 1))


def column(*values):
    """Make x of one sequence and one feature."""
    return torch.tensor(values, dtype=torch.float32).reshape(-1, 1, 1)


def numbers(values):
    return values.detach().flatten().tolist()


def flags(*values):
    return torch.tensor(values, dtype=torch.bool).unsqueeze(1)


def test_a_start_that_is_given_is_used_and_none_means_zeros():
    x = column(1, 2, 3)
    assert numbers(es.unroll(RunningSum(), x).y) == [1, 3, 6]
    assert numbers(es.unroll(RunningSum(), x, Running(torch.full((1, 1), 5.0))).y) == [6, 8, 11]


def test_a_learned_start_is_used_and_gets_its_gradient():
    cell = LearnedSum()
    out = es.unroll(cell, column(1, 2, 3))
    assert numbers(out.y) == [11, 13, 16]
    out.y.sum().backward()
    assert cell.start.grad.item() == 3


def test_past_its_length_a_sequence_puts_out_zero_and_keeps_its_state():
    x = torch.ones(4, 3, 1)
    out = es.unroll(RunningSum(), x, lengths=[4, 2, 0], record="all")
    assert out.y[..., 0].T.tolist() == [[1, 2, 3, 4], [1, 2, 0, 0], [0, 0, 0, 0]]
    assert numbers(out.state.total) == [4, 2, 0]
    assert out.record["total"][..., 0].T.tolist() == out.y[..., 0].T.tolist()


def test_lengths_are_taken_as_a_list_a_tensor_or_whole_numbers_of_any_width():
    x = torch.ones(4, 2, 1)
    for lengths in ([3, 1], torch.tensor([3, 1]), torch.tensor([3, 1], dtype=torch.uint8), (3, 1)):
        assert numbers(es.unroll(RunningSum(), x, lengths=lengths).state.total) == [3, 1]


def test_reverse_runs_each_sequence_from_its_own_end():
    x = torch.arange(1.0, 5).reshape(4, 1, 1).expand(4, 2, 1)
    out = es.unroll(RunningSum(), x, lengths=[4, 2], reverse=True)
    assert out.y[..., 0].T.tolist() == [[10, 9, 7, 4], [3, 2, 0, 0]]


def test_a_mask_of_any_pattern_leaves_out_steps_left_padding_included():
    out = es.unroll(RunningSum(), column(1, 2, 3, 4), mask=flags(False, True, False, True))
    assert numbers(out.y) == [0, 2, 0, 6]


def test_a_mask_and_lengths_both_hold():
    out = es.unroll(RunningSum(), column(1, 2, 3, 4), mask=flags(False, True, True, True), lengths=[3])
    assert numbers(out.y) == [0, 2, 5, 0]


def test_a_reset_goes_back_to_the_cells_own_start_not_to_the_one_given():
    given = Running(torch.full((1, 1), 100.0))
    assert numbers(es.unroll(RunningSum(), column(1, 2, 3), given, resets=flags(False, True, False)).y) == [101, 2, 5]
    assert numbers(es.unroll(LearnedSum(), column(1, 2, 3), given, resets=flags(False, True, False)).y) == [101, 12, 15]


def test_gradients_stop_at_a_reset_and_flow_into_the_learned_start():
    cell, x = LearnedSum(), column(1, 2, 3).requires_grad_()
    es.unroll(cell, x, resets=flags(False, True, False)).y[-1].sum().backward()
    assert numbers(x.grad) == [0, 1, 1]
    assert cell.start.grad.item() == 1


def test_a_reset_and_a_forced_value_at_an_unused_step_are_never_looked_at():
    values, where = column(torch.nan, torch.nan, torch.nan), flags(False, True, False)
    out = es.unroll(
        RunningSum(), column(1, 2, 3), mask=flags(True, False, True), resets=where, forced={"total": (values, where)}
    )
    assert numbers(out.y) == [1, 0, 4]


def test_forced_values_replace_the_state_entering_the_step_after_a_reset():
    values, where = column(0, 50, 0), flags(False, True, False)
    out = es.unroll(RunningSum(), column(1, 2, 3), resets=where, forced={"total": (values, where)})
    assert numbers(out.y) == [1, 52, 55]


def test_gradients_flow_to_forced_values_and_are_cut_to_the_state():
    x, values = column(1, 2, 3).requires_grad_(), column(7, 50, 9).requires_grad_()
    out = es.unroll(RunningSum(), x, forced={"total": (values, flags(False, True, False))})
    out.y[-1].sum().backward()
    assert numbers(x.grad) == [0, 1, 1]
    assert numbers(values.grad) == [0, 1, 0]


def test_forced_values_are_indexed_by_the_time_of_x_also_in_reverse():
    out = es.unroll(RunningSum(), column(1, 2, 3), reverse=True, forced={"total": (column(0, 50, 0), flags(0, 1, 0))})
    assert numbers(out.y) == [53, 52, 3]


@pytest.mark.parametrize("t", range(4))
def test_changing_a_target_does_not_change_the_output_of_its_own_step(t):
    torch.manual_seed(0)
    cell = es.cells.Jordan(2, 4, 3)
    x, target = torch.randn(4, 2, 2), torch.randn(4, 2, 3)
    before = es.unroll(cell, x, forced=es.teacher_forcing(target)).y
    target[t] += 1
    after = es.unroll(cell, x, forced=es.teacher_forcing(target)).y
    changed = [step for step in range(4) if not torch.equal(before[step], after[step])]
    assert changed == [t + 1][: 3 - t]


class Streams(NamedTuple):
    value: Tensor
    gap: Tensor


class Decay(es.Cell[Running]):
    """A sum that fades with the time between steps."""

    State = Running

    def __init__(self):
        super().__init__({"value": 1, "gap": 1}, 1, total=1)

    def step(self, state, x):
        total = state.total * 0.5**x.gap + x.value
        return Running(total), total


def test_x_may_be_a_named_tuple_of_streams():
    x = Streams(value=column(8, 0, 0), gap=column(1, 1, 2))
    assert numbers(es.unroll(Decay(), x).y) == [8, 4, 1]


def test_padding_of_nan_in_a_stream_changes_no_gradient():
    value, gap = column(8, 0, torch.nan).requires_grad_(), column(1, 1, torch.inf).requires_grad_()
    out = es.unroll(Decay(), Streams(value, gap), lengths=[2])
    assert numbers(out.y) == [8, 4, 0]
    out.y.sum().backward()
    assert value.grad.isfinite().all()
    assert gap.grad.isfinite().all()


class Memory(NamedTuple):
    memory: Tensor  # (source, batch, size)


class Attention(NamedTuple):
    weights: Tensor  # (batch, source)


class Attending(es.Cell[Attention]):
    """A part of the state as long as a context axis: attention weights carried from step to step."""

    State = Attention

    def __init__(self):
        super().__init__(1, 1, weights="memory")

    def step(self, state, x, context):
        weights = torch.softmax(state.weights + x * context.memory[..., 0].T, dim=-1)
        return Attention(weights), torch.einsum("bs,sbn->bn", weights, context.memory)


@pytest.mark.filterwarnings("ignore::everystep.errors.FallbackWarning")  # a memory is not compiled yet
def test_a_part_may_be_as_long_as_a_context_axis_and_gradients_reach_the_context():
    context = Memory(torch.randn(5, 2, 1, requires_grad=True))
    out = es.unroll(Attending(), torch.ones(3, 2, 1), context=context)
    assert out.state.weights.shape == (2, 5)
    out.y.sum().backward()
    assert context.memory.grad.any()


def test_a_part_that_needs_a_context_says_so():
    with pytest.raises(es.errors.StateError) as refusal:
        es.unroll(Attending(), torch.ones(3, 2, 1))
    assert str(refusal.value) == (
        "Attending: state part weights is as long as context.memory, which was not given: "
        "pass context= with a field memory."
    )


class Grid(NamedTuple):
    field: Tensor  # (batch, height, width)


class Diffusing(es.Cell[Grid]):
    State = Grid

    def __init__(self):
        super().__init__(1, 1, field=(2, 3))

    def step(self, state, x):
        field = state.field + x.unsqueeze(-1)
        return Grid(field), field.sum((1, 2)).unsqueeze(-1)


def test_a_part_may_have_several_axes():
    out = es.unroll(Diffusing(), torch.ones(4, 3, 1), lengths=[4, 1, 0], record=["field"])
    assert out.record["field"].shape == (4, 3, 2, 3)
    assert numbers(out.state.field[:, 0, 0]) == [4, 1, 0]


def test_the_state_of_a_plain_function_may_be_a_tensor_a_tuple_or_a_named_tuple():
    def with_tensor(s, x):
        return s + x, s

    def with_tuple(state, x):
        total, count = state
        return (total + x, count + 1), total

    def with_named(state, x):
        return Running(state.total + x), state.total

    x, zero = column(1, 2, 3), torch.zeros(1, 1)
    assert es.unroll(with_tensor, x, zero).state.item() == 6
    total, count = es.unroll(with_tuple, x, (zero, zero)).state
    assert (total.item(), count.item()) == (6, 3)
    assert es.unroll(with_named, x, Running(zero), record=["total"]).record["total"].flatten().tolist() == [1, 3, 6]
    assert numbers(es.unroll(with_tensor, x, zero + 9, resets=flags(0, 1, 0)).y) == [9, 0, 2]


def test_record_gives_parts_after_each_step_and_taps_within_it():
    out = es.unroll(RunningSum(), column(1, 2, 3), record=["before", "total"])
    assert numbers(out.record["before"]) == [0, 1, 3]
    assert numbers(out.record["total"]) == [1, 3, 6]
    assert list(es.unroll(RunningSum(), column(1), record="total").record) == ["total"]


def test_steps_are_not_listened_to_unless_asked():
    heard = []

    class Listening(RunningSum):
        def step(self, state, x):
            from everystep.cell import _taps

            heard.append(_taps.get() is not None)
            return super().step(state, x)

    es.unroll(Listening(), column(1, 2, 3), engine="reference")
    assert heard == [True, False, False]  # the first step is always checked


def test_the_engine_says_what_ran_and_why():
    out = es.unroll(RunningSum(), column(1), engine="reference")
    assert out.engine == "reference"
    assert out.why


def test_what_unroll_returns_shows_shapes_and_no_values():
    shown = repr(es.unroll(RunningSum(), column(1, 2), record="all"))
    assert shown == (
        "Unrolled(y (2, 1, 1), state.total (1, 1), record['before'] (2, 1, 1), record['total'] (2, 1, 1), "
        "engine 'llvm')"
    )


# torch's own forward-mode rules still go through its deprecated script compiler
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::everystep.errors.FallbackWarning")
def test_vmap_and_forward_mode_go_through_the_loop():
    torch.manual_seed(0)
    cell = es.cells.LSTM(3, 4).double()
    x = torch.randn(5, 4, 3, dtype=torch.float64)
    lengths = torch.tensor([5, 2, 3, 0])

    def one(x, length):
        used = torch.arange(5).unsqueeze(1) < length
        return es.unroll(cell, x.unsqueeze(1), mask=used).y[:, 0]

    batched = torch.func.vmap(one, in_dims=(1, 0), out_dims=1)(x, lengths)
    assert torch.allclose(batched, es.unroll(cell, x, lengths=lengths).y)
    _, tangent = torch.func.jvp(lambda x: es.unroll(cell, x).y, (x,), (torch.ones_like(x),))
    nudged = (es.unroll(cell, x + 1e-6).y - es.unroll(cell, x - 1e-6).y) / 2e-6
    assert torch.allclose(tangent, nudged, atol=1e-8)  # a central difference of step 1e-6 is good to about 1e-10


def test_autocast_runs_and_its_result_is_close():
    torch.manual_seed(0)
    cell, x = es.cells.GRU(3, 8), torch.randn(6, 2, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = es.unroll(cell, x).y
    assert torch.allclose(rough.float(), es.unroll(cell, x).y, atol=0.05)  # bfloat16 has 8 bits: 0.4 % a rounding


def test_generate_feeds_back_what_it_put_out():
    torch.manual_seed(0)
    cell = es.cells.GRU(2, 2)
    first = torch.randn(3, 2)
    out = es.generate(cell, 5, first, lambda y: 2 * y, record="all")
    fed = torch.cat([first.unsqueeze(0), 2 * out.y[:-1]])
    expected = es.unroll(cell, fed, record="all")
    assert torch.equal(out.y, expected.y)
    assert torch.equal(out.state.h, expected.state.h)
    assert all(torch.equal(out.record[name], expected.record[name]) for name in expected.record)


def test_generating_no_steps_gives_no_outputs_and_the_start():
    out = es.generate(es.cells.GRU(2, 2), 0, torch.randn(3, 2), lambda y: y)
    assert out.y.shape == (0, 3, 2)
    assert not out.state.h.any()


def test_generating_fewer_than_no_steps_is_refused():
    with pytest.raises(es.errors.ArgumentError, match=r"generate: steps is -1; expected a whole number, 0 or more\."):
        es.generate(es.cells.GRU(2, 2), -1, torch.randn(3, 2), lambda y: y)


def test_the_last_output_is_not_fed_since_no_step_follows():
    fed = []

    def feed(y):
        fed.append(y)
        return y

    out = es.generate(es.cells.GRU(2, 2), 3, torch.randn(5, 2), feed)
    assert len(fed) == 2
    assert torch.equal(torch.stack(fed), out.y[:-1])


def test_what_feed_returns_is_held_to_the_shape_of_the_first_input():
    with pytest.raises(es.errors.ShapeError) as refusal:
        es.generate(es.cells.Jordan(2, 4, 3), 2, torch.zeros(5, 2), lambda y: y)
    assert str(refusal.value) == (
        "generate: feed returned a tensor of shape (5, 3); expected what first is, a tensor of shape (5, 2)."
    )


def test_float_targets_are_forced_under_autocast_whatever_the_state_became():
    cell, x = es.cells.Jordan(2, 4, 3), torch.zeros(5, 2, 2)
    forced = es.teacher_forcing(torch.zeros(5, 2, 3))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        carried = es.unroll(cell, x).state
        assert es.unroll(cell, x, carried, forced=forced).y.isfinite().all()


class Unexpanded(LearnedSum):
    def initial_state(self, batch_size, like, context=None):
        return Running(self.start.unsqueeze(0))  # one row, whatever the batch


def test_a_start_of_the_wrong_shape_is_named_even_where_only_a_reset_needs_it():
    given = Running(torch.zeros(3, 1))
    for state in (None, given):
        with pytest.raises(es.errors.ShapeError) as refusal:
            es.unroll(Unexpanded(), torch.ones(4, 3, 1), state, resets=torch.zeros(4, 3, dtype=torch.bool))
        expected = "Unexpanded.initial_state: state part total has shape (1, 1); expected (batch=3, 1)."
        assert str(refusal.value) == expected
