"""Every cell in the registry: gradients, properties of the unroll, first values, and what a cell must survive."""

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import everystep as es
from agreement import REPRESENTATIVE, check_same, outcome, random_state, weights_like
from everystep.cells import CELLS

CELL_NAMES = st.sampled_from(sorted(CELLS))
SEEDS = st.integers(0, 2**16)
QUICK = settings(max_examples=25, deadline=None)
# Every cell by its own step; compiling every one again for each kind of call would take minutes.
ENGINES = [*((name, "reference") for name in sorted(CELLS)), *((name, "llvm") for name in REPRESENTATIVE)]


@pytest.fixture(params=sorted(CELLS))
def cell(request):
    return make(request.param)


def make(name, inputs=3, hidden=4, seed=0):
    torch.manual_seed(seed)
    return CELLS[name](inputs, hidden).double()


def some(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def unrolled_as_function(cell, steps, **arguments):
    """Give (function, inputs) such that function(*inputs) is everything that an unroll computes."""
    x = some(steps, 2, cell.input_size).requires_grad_()
    state = [part.requires_grad_() for part in random_state(cell, 2)]
    names = [name for name, _ in cell.named_parameters()]

    def function(x, *values):
        parameters = dict(zip(names, values[len(state) :], strict=True))
        with torch.nn.utils.stateless._reparametrize_module(cell, parameters):
            out = es.unroll(cell, x, type(cell).State(*values[: len(state)]), **arguments)
        return (out.y, *out.state)

    return function, (x, *state, *cell.parameters())


def test_gradients_agree_with_finite_differences(cell):
    function, inputs = unrolled_as_function(cell, 3, lengths=[3, 2])
    assert torch.autograd.gradcheck(function, inputs)


@pytest.mark.parametrize("name", sorted(CELLS))
def test_second_derivatives_agree_with_finite_differences(name):
    function, inputs = unrolled_as_function(make(name, inputs=2, hidden=3), 2, engine="reference")
    assert torch.autograd.gradgradcheck(function, inputs)


@QUICK
@given(CELL_NAMES, SEEDS, st.integers(0, 8), st.booleans())
def test_a_sequence_cut_anywhere_equals_the_whole(name, seed, cut, reverse):
    cell = make(name, seed=seed)
    x, state = some(8, 2, 3), random_state(cell, 2)
    whole = es.unroll(cell, x, state, reverse=reverse, record="all")
    pieces = [x[:cut], x[cut:]]
    first, second = (1, 0) if reverse else (0, 1)
    before = es.unroll(cell, pieces[first], state, reverse=reverse, record="all")
    after = es.unroll(cell, pieces[second], before.state, reverse=reverse, record="all")
    early, late = (after, before) if reverse else (before, after)
    assert torch.equal(torch.cat([early.y, late.y]), whole.y)
    assert all(torch.equal(got, right) for got, right in zip(after.state, whole.state, strict=True))
    for tapped, values in whole.record.items():
        assert torch.equal(torch.cat([early.record[tapped], late.record[tapped]]), values)


@QUICK
@given(CELL_NAMES, SEEDS, st.lists(st.integers(0, 6), min_size=1, max_size=4), st.booleans())
def test_a_ragged_batch_equals_its_sequences_one_by_one(name, seed, lengths, reverse):
    cell = make(name, seed=seed)
    x, state = some(6, len(lengths), 3), random_state(cell, len(lengths))
    batch = es.unroll(cell, x, state, lengths=lengths, reverse=reverse, record="all")
    for row, length in enumerate(lengths):
        alone = es.unroll(
            cell, x[:length, row : row + 1], type(state)(*(part[row : row + 1] for part in state)), reverse=reverse,
            record="all",
        )  # fmt: skip
        check_same({"y": batch.y[:length, row : row + 1]}, {"y": alone.y})
        check_same({part: value[row : row + 1] for part, value in batch.state._asdict().items()}, alone.state._asdict())
        check_same({tapped: v[:length, row : row + 1] for tapped, v in batch.record.items()}, alone.record)
        assert not batch.y[length:, row].any()
        assert not any(values[length:, row].any() for values in batch.record.values())


@QUICK
@given(CELL_NAMES, SEEDS, st.lists(st.booleans(), min_size=6, max_size=6), st.booleans())
def test_a_masked_step_is_as_if_removed(name, seed, used, reverse):
    cell = make(name, seed=seed)
    x, state, resets = some(6, 1, 3), random_state(cell, 1), torch.rand(6, 1) < 0.3
    used = torch.tensor(used)
    masked = es.unroll(cell, x, state, mask=used.unsqueeze(1), resets=resets, reverse=reverse)
    removed = es.unroll(cell, x[used], state, resets=resets[used], reverse=reverse)
    check_same({"y": masked.y[used]} | masked.state._asdict(), {"y": removed.y} | removed.state._asdict())
    assert not masked.y[~used].any()


@QUICK
@given(CELL_NAMES, SEEDS, st.permutations(range(4)))
def test_a_permuted_batch_gives_permuted_results(name, seed, order):
    cell = make(name, seed=seed)
    x, state, lengths = some(5, 4, 3), random_state(cell, 4), torch.tensor([5, 3, 0, 4])
    straight = es.unroll(cell, x, state, lengths=lengths)
    permuted = es.unroll(cell, x[:, order], type(state)(*(part[order] for part in state)), lengths=lengths[order])
    check_same({"y": permuted.y}, {"y": straight.y[:, order]})
    check_same(permuted.state._asdict(), {part: value[order] for part, value in straight.state._asdict().items()})


@QUICK
@given(CELL_NAMES, SEEDS)
def test_reversed_twice_is_the_same(name, seed):
    cell = make(name, seed=seed)
    x, state = some(5, 2, 3), random_state(cell, 2)
    check_same({"y": es.unroll(cell, x.flip(0), state, reverse=True).y.flip(0)}, {"y": es.unroll(cell, x, state).y})


@QUICK
@given(CELL_NAMES, SEEDS, st.integers(1, 7))
def test_a_reset_starts_a_separate_sequence(name, seed, at):
    cell = make(name, seed=seed)
    x, state = some(8, 2, 3), random_state(cell, 2)
    resets = torch.zeros(8, 2, dtype=torch.bool)
    resets[at] = True
    joined = es.unroll(cell, x, state, resets=resets)
    first, second = es.unroll(cell, x[:at], state), es.unroll(cell, x[at:])
    check_same({"y": joined.y} | joined.state._asdict(), {"y": torch.cat([first.y, second.y])} | second.state._asdict())


def test_padding_full_of_nan_changes_no_output_and_no_gradient(cell):
    x, state, lengths = some(5, 4, 3), random_state(cell, 4), torch.tensor([5, 2, 0, 1])
    clean = outcome(cell, x, state, lengths=lengths)
    padding = torch.arange(5).unsqueeze(1) >= lengths
    x[padding] = torch.nan
    check_same(
        outcome(cell, x, state, lengths=lengths), clean, tolerance=0.0
    )  # not a bit: padding is never computed with


def test_nan_everywhere_in_a_batch_of_no_steps_gives_zero_gradients(cell):
    x = torch.full((3, 2, 3), torch.nan, dtype=torch.float64, requires_grad=True)
    out = es.unroll(cell, x, lengths=[0, 0])
    (out.y.sum() + sum(part.sum() for part in out.state)).backward()
    assert not out.y.any()
    assert all(p.grad is None or not p.grad.any() for p in cell.parameters())
    assert not x.grad.any()


@pytest.mark.parametrize(("steps", "rows"), [(0, 3), (4, 0), (0, 0)])
def test_no_steps_and_no_rows_are_sequences_too(cell, steps, rows):
    out = es.unroll(cell, some(steps, rows, 3), record="all")
    assert out.y.shape == (steps, rows, cell.output_size)
    assert all(values.shape[:2] == (steps, rows) for values in out.record.values())
    assert all(part.shape[0] == rows for part in out.state)


def test_no_features_are_an_autonomous_system():
    cell = make("elman", inputs=0)
    state = random_state(cell, 2)
    out = es.unroll(cell, some(3, 2, 0), state)
    s = state.s
    for t in range(3):
        s = torch.tanh(s @ cell.W.T + cell.b)
        check_same({"y": out.y[t]}, {"y": s})


@pytest.mark.parametrize(("name", "engine"), ENGINES)
def test_a_cell_survives_copying_pickling_and_its_state_dict(name, engine):
    cell, x = make(name), some(4, 2, 3)
    expected = es.unroll(cell, x, engine=engine).y
    for other in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell))):
        assert torch.equal(es.unroll(other, x, engine=engine).y, expected)
    fresh = copy.deepcopy(cell)
    torch.nn.init.ones_(next(fresh.parameters()))
    fresh.load_state_dict(cell.state_dict())
    assert torch.equal(es.unroll(fresh, x, engine=engine).y, expected)


@pytest.mark.parametrize(("name", "engine"), ENGINES)
def test_recording_changes_nothing(name, engine):
    cell, x = make(name), some(6, 3, 3)
    state = random_state(cell, 3)
    silent = es.unroll(cell, x, state, engine=engine)
    recorded = es.unroll(cell, x, state, record="all", engine=engine)
    assert torch.equal(silent.y, recorded.y)
    assert silent.record == {}


@pytest.mark.parametrize(("name", "engine"), ENGINES)
def test_what_is_recorded_is_differentiable(name, engine):
    x = some(4, 2, 3).requires_grad_()
    for recorded, values in es.unroll(make(name), x, record="all", engine=engine).record.items():
        (gradient,) = torch.autograd.grad((values * weights_like(values)).sum(), x, retain_graph=True)
        assert gradient.any(), recorded


@pytest.mark.parametrize(("name", "engine"), ENGINES)
def test_float32_agrees_with_float64(name, engine):
    cell, x = make(name), some(20, 4, 3)
    state = random_state(cell, 4)
    expected = outcome(cell, x, state, engine=engine)
    got = outcome(cell.float(), x.float(), type(state)(*(part.float() for part in state)), engine=engine)
    # float32 rounds to 6e-8; some twenty steps of products over few features stay within a hundred roundings
    check_same({name: value.double() for name, value in got.items()}, expected, tolerance=1e-5)


def test_the_forget_gate_starts_open():
    cell = es.cells.LSTM(3, 50)
    out = es.unroll(cell, torch.zeros(1, 1, 3), record=["forget", "input"])
    # σ(1) = 0.7311 keeps; σ(0) = 1/2 writes
    assert torch.allclose(out.record["forget"], torch.sigmoid(torch.ones(())))
    assert torch.allclose(out.record["input"], torch.tensor(0.5))


@pytest.mark.parametrize("name", sorted(CELLS))
def test_recurrent_weights_start_orthogonal(name):
    weights = [value for weight, value in CELLS[name](3, 16).named_parameters() if weight[0] == "W"]
    for block in (block for weight in weights for block in weight.split(16)):
        thin = block if block.shape[0] >= block.shape[1] else block.T
        # orthogonal up to float32 rounding in a product of 16
        assert torch.allclose(thin.T @ thin, torch.eye(thin.shape[1]), atol=1e-5)


def test_gru_before_resets_before_the_product():
    cell = make("gru_before")
    x, h = some(1, 2, 3), some(2, 4)
    W_r, W_z, W_n = cell.W.split(4)
    U_r, U_z, U_n = cell.U.split(4)
    b_r, b_z, b_n = cell.b.split(4)
    r = torch.sigmoid(h @ W_r.T + x[0] @ U_r.T + b_r)
    z = torch.sigmoid(h @ W_z.T + x[0] @ U_z.T + b_z)
    n = torch.tanh((r * h) @ W_n.T + x[0] @ U_n.T + b_n)
    check_same({"y": es.unroll(cell, x, type(cell).State(h)).y[0]}, {"y": z * h + (1 - z) * n})


def test_the_two_forms_of_gru_differ():
    after, before = make("gru"), make("gru_before")
    before.load_state_dict(after.state_dict(), strict=False)
    x = some(4, 2, 3)
    assert not torch.allclose(es.unroll(after, x).y, es.unroll(before, x).y)


def test_model_3_has_the_notes_15_numbers():
    assert sum(p.numel() for p in es.cells.LinearSystem(1, 3, 1, bias=False).parameters()) == 15


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (
            lambda: es.cells.Elman(3, 4, sigma_h="tan"),
            'Elman: sigma_h "tan" is unknown; did you mean "tanh"? Known here: tanh, sigmoid, relu, identity.',
        ),
        (
            lambda: es.cells.GRU(3, 4, reset="befor"),
            'GRU: reset "befor" is unknown; did you mean "before"? Known here: after, before.',
        ),
        (lambda: es.cells.LSTM(-1, 4), "LSTM: input_size is -1; expected a whole number, 0 or more."),
        (lambda: es.cells.LSTM(3, 4.0), "LSTM: output_size is 4.0; expected a whole number, 0 or more."),
    ],
)
def test_a_cell_that_can_not_be_built_is_refused(build, text):
    with pytest.raises(es.errors.EverystepError) as refusal:
        build()
    assert str(refusal.value) == text
