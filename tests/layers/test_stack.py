"""Stacks, two directions, ways around: held against unrolling by hand, and to the properties of any recurrence."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import everystep as es
from agreement import check_same
from everystep.cells import CELLS
from everystep.layers import flatten, select, unflatten
from layers.by_hand import layered, random_like, row_by_row, some

# A stack of every registered cell would take minutes; these differ in what a stack sees of a cell: the number of parts
# of the state, and a y that is or is not one of them.
SAMPLED = ("lstm", "gru_before", "jordan")
NAMES = st.sampled_from(SAMPLED)
SEEDS = st.integers(0, 2**16)
LENGTHS = st.lists(st.integers(0, 6), min_size=1, max_size=4)
QUICK = settings(max_examples=15, deadline=None)
INPUTS, HIDDEN = 3, 4


@pytest.fixture(autouse=True)
def plainly():
    """What layers do with their cells is the same on every engine, and the plain loop has nothing to compile."""
    with es.use_engine("reference"):
        yield


def stack(name, seed=0, *, bidirectional=False, **settings):
    torch.manual_seed(seed)
    sizes = [INPUTS, HIDDEN, HIDDEN]
    return es.layers.Recurrent(CELLS[name], sizes, bidirectional=bidirectional, **settings).double()


def start(layer, rows):
    return random_like(layer.initial_state(rows, some(0)))


@pytest.mark.parametrize("name", sorted(CELLS))
def test_any_cell_in_both_directions_is_compiled_and_agrees_with_the_plain_loop(name):
    layer = es.layers.Recurrent(CELLS[name], [INPUTS, HIDDEN], bidirectional=True).double()
    agrees_compiled(layer, lengths=[5, 2, 0])


@pytest.mark.parametrize("name", SAMPLED)
def test_a_stack_is_compiled_and_agrees_with_the_plain_loop(name):
    layer = stack(name, bidirectional=True)
    agrees_compiled(layer, lengths=[5, 2, 0], record=["layer0.reverse", "layer1.forward"])


def agrees_compiled(layer, **arguments):
    x, state = some(5, 3, INPUTS), start(layer, 3)
    compiled = layered(layer, x, state, engine="llvm", **arguments)
    check_same(compiled, layered(layer, x, state, engine="reference", **arguments), tolerance=1e-10)  # as promised


@pytest.mark.parametrize("name", SAMPLED)
def test_a_stack_is_its_cells_one_after_another(name):
    layer = stack(name)
    x, state = some(6, 2, INPUTS), start(layer, 2)
    out = layer(x, state)
    first = es.unroll(layer.layer0.cell, x, state[0].forward)
    second = es.unroll(layer.layer1.cell, first.y, state[1].forward)
    assert torch.equal(out.y, second.y)
    for after, right in zip(out.state, (first.state, second.state), strict=True):
        assert all(torch.equal(part, value) for part, value in zip(after.forward, right, strict=True))


@QUICK
@given(NAMES, SEEDS, LENGTHS)
def test_both_ways_over_a_ragged_batch_are_each_row_alone(name, seed, lengths):
    layer = stack(name, seed, bidirectional=True)
    x, state = some(6, len(lengths), INPUTS), start(layer, len(lengths))
    batch = layer(x, state, lengths=lengths, record="all")
    for row, alone in enumerate(row_by_row(layer, x, state, lengths)):
        length = lengths[row]
        check_same({"y": batch.y[:length, row : row + 1]}, {"y": alone.y})
        check_same(flatten(select(batch.state, [row])), flatten(alone.state))
        check_same({path: v[:length, row : row + 1] for path, v in batch.record.items()}, alone.record)
        assert not batch.y[length:, row].any()


def test_a_direction_that_does_not_respect_lengths_is_seen():
    layer = stack("gru", bidirectional=True)
    x = some(6, 2, INPUTS)
    right = layer(x, lengths=[6, 3]).y[:3, 1]
    backwards = es.unroll(layer.layer0.reverse_cell, x.flip(0)).y.flip(0)  # from the padding into the sequence
    wrong = es.unroll(layer.layer1.forward_cell, torch.cat([es.unroll(layer.layer0.forward_cell, x).y, backwards], -1))
    assert not torch.allclose(wrong.y[:3, 1], right[:, :HIDDEN])


@QUICK
@given(NAMES, SEEDS, st.integers(0, 8))
def test_a_stack_cut_anywhere_equals_the_whole(name, seed, cut):
    layer = stack(name, seed)
    x, state = some(8, 2, INPUTS), start(layer, 2)
    whole = layer(x, state, record="all")
    before = layer(x[:cut], state, record="all")
    after = layer(x[cut:], before.state, record="all")
    assert torch.equal(torch.cat([before.y, after.y]), whole.y)
    assert all(torch.equal(part, flatten(whole.state)[path]) for path, part in flatten(after.state).items())
    for path, values in whole.record.items():
        assert torch.equal(torch.cat([before.record[path], after.record[path]]), values)


@QUICK
@given(NAMES, SEEDS, st.permutations(range(4)))
def test_a_permuted_batch_gives_permuted_results(name, seed, order):
    layer = stack(name, seed, bidirectional=True)
    x, state, lengths = some(5, 4, INPUTS), start(layer, 4), torch.tensor([5, 3, 0, 4])
    straight = layer(x, state, lengths=lengths)
    permuted = layer(x[:, order], select(state, order), lengths=lengths[order])
    check_same({"y": permuted.y}, {"y": straight.y[:, order]})
    check_same(flatten(permuted.state), flatten(select(straight.state, order)))


@QUICK
@given(NAMES, SEEDS)
def test_both_ways_over_reversed_time_are_the_same_with_directions_exchanged(name, seed):
    torch.manual_seed(seed)
    one, other = (CELLS[name](INPUTS, HIDDEN).double() for _ in range(2))
    x = some(6, 2, INPUTS)
    straight = es.layers.BothWays(one, other, merge="sum")(x)
    turned = es.layers.BothWays(other, one, merge="sum")(x.flip(0))
    check_same({"y": turned.y.flip(0)}, {"y": straight.y})
    check_same(flatten(turned.state.reverse), flatten(straight.state.forward))


@QUICK
@given(NAMES, SEEDS, st.integers(1, 7), st.integers(0, 8))
def test_episodes_inside_a_batch_are_read_alone_in_both_directions(name, seed, at, length):
    layer = stack(name, seed, bidirectional=True)
    x = some(8, 1, INPUTS)
    resets = (torch.arange(8) == at).unsqueeze(1)
    joined = layer(x, resets=resets, lengths=[length])
    pieces = [layer(x[: min(at, length)]), layer(x[at:length])]
    check_same({"y": joined.y[:length]}, {"y": torch.cat([piece.y for piece in pieces])})


def test_a_reset_after_steps_left_out_ends_the_episode_before_them():
    layer = stack("gru", bidirectional=True)
    x = some(7, 1, INPUTS)
    used = torch.tensor([1, 1, 0, 0, 1, 1, 0], dtype=torch.bool)
    resets = torch.tensor([0, 0, 0, 1, 1, 0, 0], dtype=torch.bool)
    joined = layer(x, mask=used.unsqueeze(1), resets=resets.unsqueeze(1))
    check_same({"y": joined.y[used]}, {"y": torch.cat([layer(x[:2]).y, layer(x[4:6]).y])})


@pytest.mark.parametrize(
    ("merge", "right"),
    [
        ("concat", lambda a, b: torch.cat([a, b], -1)),
        ("sum", lambda a, b: a + b),
        ("mean", lambda a, b: 0.5 * a + 0.5 * b),
        ("multiply", lambda a, b: a * b),
        (torch.maximum, lambda a, b: torch.where(a > b, a, b)),
    ],
)
def test_outputs_are_merged_as_asked(merge, right):
    layer = es.layers.BothWays(es.cells.GRU(3, 4), es.cells.GRU(3, 4), merge=merge).double()
    x = some(5, 2, 3)
    ahead, back = es.unroll(layer.forward_cell, x), es.unroll(layer.reverse_cell, x, reverse=True)
    y = layer(x).y
    assert torch.allclose(y, right(ahead.y, back.y))
    assert layer.output_size == y.shape[-1]


def test_a_module_that_merges_is_trained_with_the_layer():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.Linear(8, 5)

        def forward(self, ahead, back):
            return torch.tanh(self.mix(torch.cat([ahead, back], -1)))

    layer = es.layers.BothWays(es.cells.GRU(3, 4), es.cells.GRU(3, 4), merge=Mixed())
    assert layer.output_size == 5
    layer(torch.randn(5, 2, 3)).y.sum().backward()
    assert layer.merge.mix.weight.grad.any()


def test_layers_may_be_of_different_cells_and_sizes():
    layer = es.layers.Recurrent([es.cells.LSTM, es.cells.GRU, es.cells.Elman], [3, 8, 6, 4], bidirectional=True)
    out = layer(torch.randn(5, 2, 3), record=["layer0.forward.forget", "layer1.reverse.update", "layer2.forward.s"])
    assert out.y.shape == (5, 2, 8)
    assert [values.shape[-1] for values in out.record.values()] == [8, 6, 4]
    assert [type(state.reverse).__name__ for state in out.state] == ["LSTMState", "GRUState", "ElmanState"]


def test_what_is_recorded_is_what_was_asked_in_the_order_of_layers():
    layer = stack("lstm", bidirectional=True)
    x = some(3, 2, INPUTS)
    out = layer(x, record=["layer1.reverse.c", "layer0.forward.forget"])
    assert list(out.record) == ["layer0.forward.forget", "layer1.reverse.c"]
    everything = layer(x, record="all").record
    assert all(torch.equal(everything[path], values) for path, values in out.record.items())
    assert layer(x, record=["layer1"]).record.keys() == {path for path in everything if path.startswith("layer1.")}


def test_residual_and_skip_go_around_a_layer():
    cell = es.cells.GRU(4, 4).double()
    x = some(5, 2, 4)
    inner = es.unroll(cell, x).y
    assert torch.equal(es.layers.Residual(cell)(x).y, inner + x)
    assert torch.equal(es.layers.Skip(cell)(x).y, torch.cat([inner, x], -1))
    project = nn.Linear(4, 6, bias=False).double()
    wide = es.cells.GRU(4, 6).double()
    assert torch.equal(es.layers.Residual(wide, project)(x).y, es.unroll(wide, x).y + project(x))


def test_a_stack_with_residuals_goes_around_every_layer_that_keeps_its_size():
    layer = es.layers.Recurrent(es.cells.GRU, [3, 4, 4, 4], residual=True).double()
    x = some(5, 2, 3)
    y = es.unroll(layer.layer0.cell, x).y
    for name in ("layer1", "layer2"):
        y = y + es.unroll(getattr(layer, name).layer.cell, y).y
    assert torch.equal(layer(x).y, y)


def test_ordinary_modules_never_see_padding_and_leave_none():
    layer = es.layers.Sequential(nn.Linear(3, 4), es.cells.GRU(4, 4), nn.LayerNorm(4), nn.Linear(4, 2)).double()
    x, lengths = some(5, 3, 3), torch.tensor([5, 2, 0])
    padding = torch.arange(5).unsqueeze(1) >= lengths
    state = start(layer, 3)
    clean = layered(layer, x, state, lengths=lengths)
    spoilt = layered(layer, x.masked_fill(padding.unsqueeze(-1), torch.nan), state, lengths=lengths)
    check_same(spoilt, clean, tolerance=0.0)  # not a bit: padding is never computed with
    assert not clean["y"][padding].any()


def test_a_residual_around_padding_full_of_nan_gives_zeros():
    layer = es.layers.Residual(es.cells.GRU(3, 3))
    x = torch.full((4, 1, 3), torch.nan)
    x[:2] = 1
    assert torch.equal(layer(x, lengths=[2]).y[2:], torch.zeros(2, 1, 3))


@pytest.mark.parametrize("train", [True, False])
def test_dropout_lies_between_layers_only(train):
    layer = stack("gru", dropout=0.5).train(train)
    x = some(5, 2, INPUTS)
    torch.manual_seed(0)
    below = es.layers.Dropout(0.5).train(train)(es.unroll(layer.layer0.cell, x).y)
    torch.manual_seed(0)
    assert torch.equal(layer(x).y, es.unroll(layer.layer1.cell, below).y)


def test_dropout_changes_no_name_of_a_parameter():
    assert stack("gru", dropout=0.5).state_dict().keys() == stack("gru").state_dict().keys()


@pytest.mark.parametrize(("steps", "rows"), [(0, 3), (4, 0), (0, 0)])
def test_no_steps_and_no_rows_are_sequences_too(steps, rows):
    layer = stack("lstm", bidirectional=True)
    out = layer(some(steps, rows, INPUTS), resets=torch.zeros(steps, rows, dtype=torch.bool), record="all")
    assert out.y.shape == (steps, rows, 2 * HIDDEN)
    assert all(part.shape == (rows, HIDDEN) for part in flatten(out.state).values())


def test_a_stack_survives_copying_pickling_and_its_state_dict():
    layer = stack("lstm", bidirectional=True)
    x = some(4, 2, INPUTS)
    expected = layer(x)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(other(x).y, expected.y)
    fresh = stack("lstm", seed=1, bidirectional=True)
    fresh.load_state_dict(layer.state_dict())
    assert torch.equal(fresh(x).y, expected.y)
    again = pickle.loads(pickle.dumps(expected.state))
    assert torch.equal(again[1].reverse.c, expected.state[1].reverse.c)


def test_a_state_survives_being_saved(tmp_path):
    from safetensors.torch import load_file, save_file

    layer = stack("lstm", bidirectional=True)
    state = layer(some(4, 2, INPUTS)).state
    save_file(flatten(state), tmp_path / "state.safetensors")
    again = unflatten(load_file(tmp_path / "state.safetensors"), like=layer.initial_state(2, some(0)))
    assert all(torch.equal(flatten(again)[path], part) for path, part in flatten(state).items())
    check_same({"y": layer(some(3, 2, INPUTS) * 0, again).y}, {"y": layer(some(3, 2, INPUTS) * 0, state).y})


def test_a_detached_state_has_no_history():
    state = stack("lstm")(some(4, 2, INPUTS)).state
    assert all(part.requires_grad for part in flatten(state).values())
    assert not any(part.requires_grad for part in flatten(es.layers.detach(state)).values())


def test_a_beam_can_be_reordered():
    layer = stack("gru")
    x, state = some(1, 3, INPUTS), start(layer, 3)
    rows = [2, 0, 0]
    check_same({"y": layer(x[:, rows], select(state, rows)).y}, {"y": layer(x, state).y[:, rows]})


def test_context_goes_to_every_cell_or_to_those_named():
    from typing import NamedTuple

    class Given(NamedTuple):
        bias: torch.Tensor

    class Sum(NamedTuple):
        total: torch.Tensor

    class Biased(es.Cell[Sum]):
        State = Sum

        def __init__(self, size):
            super().__init__(size, size, total=size)

        def step(self, state, x, context=None):
            total = state.total + x + (0 if context is None else context.bias)
            return Sum(total), total

    layer = es.layers.Sequential(Biased(1), Biased(1))
    x, given = torch.zeros(2, 1, 1), Given(torch.ones(1, 1))
    assert layer(x, context=given).y.flatten().tolist() == [2, 5]
    assert layer(x, context={"layer1": given}).y.flatten().tolist() == [1, 2]
    assert layer(x, context={"layer0.forward": given}).y.flatten().tolist() == [1, 3]


REFUSED = [
    (
        lambda: stack("gru")(some(3, 2, 3), record=["layr0.forward.update"]),
        'Recurrent: record "layr0.forward.update" is unknown.',
    ),
    (lambda: stack("gru")(some(3, 2, 3), record=["layer0.reverse.update"]), 'record "reverse.update" is unknown'),
    (
        lambda: stack("gru")(some(3, 2, 3), record=["layer0.forward.updte"]),
        'GRU: record "updte" is unknown; did you mean "update"?',
    ),
    (lambda: stack("gru")(some(3, 2, 3), some(2, 4)), "Recurrent: state is a tensor of shape (2, 4); expected a tuple"),
    (
        lambda: stack("gru", bidirectional=True)(some(3, 2, 3), stack("gru").initial_state(2, some(0))),
        "BothWays: state is a Ways; expected Ways(forward=..., reverse=...).",
    ),
    (lambda: stack("gru")(some(3)), "Recurrent: x has shape (3,); expected (time, batch, input)."),
    (lambda: stack("gru")([1, 2]), "Recurrent: x is a list; expected a tensor or a NamedTuple of tensors."),
    (lambda: es.layers.Sequential(es.cells.GRU), "Sequential: got the class GRU; expected layers, cells and modules."),
    (lambda: es.layers.Recurrent(es.cells.GRU(3, 4), [3, 4]), "Recurrent: make is a cell; expected what makes one"),
    (lambda: es.layers.Recurrent(es.cells.GRU, [3]), "Recurrent: sizes is [3]; expected whole numbers"),
    (
        lambda: es.layers.Recurrent([es.cells.GRU], [3, 4, 4]),
        "Recurrent: 1 cell to make and sizes for 2 layers; expected as many, or one for all.",
    ),
    (
        lambda: es.layers.Recurrent(es.cells.GRU, [3, 4, 5], residual=True),
        "Recurrent: residual, with sizes [3, 4, 5], goes around no layer",
    ),
    (
        lambda: es.layers.BothWays(es.cells.GRU(3, 4), es.cells.GRU(3, 5), merge="sum"),
        'BothWays: the cells put out 4 and 5 features; merge "sum" expects as many from both.',
    ),
    (
        lambda: es.layers.BothWays(es.cells.GRU(3, 4), es.cells.GRU(3, 4), merge="concta"),
        'BothWays: merge "concta" is unknown; did you mean "concat"?',
    ),
    (
        lambda: es.layers.BothWays(es.cells.GRU(3, 4), es.cells.GRU(2, 4)),
        "BothWays: the forward cell takes 3 features and the reverse one 2; expected the same x for both.",
    ),
    (
        lambda: es.layers.Residual(es.cells.GRU(3, 4))(torch.zeros(2, 1, 3)),
        "Residual: x has 3 features and the layer puts out 4; expected as many: pass project=nn.Linear(3, 4, bias",
    ),
    (
        lambda: unflatten({"h": some(2)}, like=es.cells.LSTM.State(some(2), some(2))),
        'unflatten: state part "c" is unknown',
    ),
]


@pytest.mark.parametrize(("call", "text"), REFUSED)
def test_what_can_not_be_run_is_refused(call, text):
    with pytest.raises(es.errors.EverystepError) as refusal:
        call()
    assert text in str(refusal.value)
