"""A stream takes the steps of ``unroll`` one at a time: the same bits, whatever comes in and happens in between."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pytest
import torch

import everystep as es
from agreement import REPRESENTATIVE, random_state
from everystep.cells import CELLS
from everystep.errors import ArgumentError, EngineError

STEPS, INPUTS, HIDDEN = 6, 5, 19  # no multiple of a vector's width
DTYPES = [torch.float32, torch.float64]


def made(name, rows, dtype=torch.float32, hidden=HIDDEN):
    torch.manual_seed(0)
    cell = CELLS[name](INPUTS, hidden).to(dtype)
    x = torch.randn(STEPS, rows, INPUTS, dtype=torch.float64).to(dtype)
    return cell, x, random_state(cell, rows, dtype)


def unrolled(cell, x, state=None, **arguments):
    with torch.no_grad():
        return es.unroll(cell, x, state, **arguments)


def stepped(stream, x):
    return torch.stack([torch.as_tensor(stream.step(value)) for value in x])


def check_equal(stream, y, out):
    """The same bits; of the plain loop the same numbers but for roundings, as torch's sums depend on where x begins."""
    for name, part, right in [
        ("y", y, out.y),
        *((n, getattr(stream.state, n), p) for n, p in out.state._asdict().items()),
    ]:
        assert part.dtype == right.dtype
        # six steps of float32, whose roundings of 6e-8 a linear system lets grow
        assert torch.equal(part, right) if out.engine == "llvm" else torch.allclose(part, right, atol=1e-5), name


@pytest.fixture
def lstm():
    return made("lstm", 2)


class Delayed(NamedTuple):
    before: torch.Tensor
    earlier: torch.Tensor


class Delay(es.Cell[Delayed]):
    """Puts out what came in two steps ago: its state is x itself, and y a part of the state."""

    State = Delayed

    def __init__(self, size):
        super().__init__(size, size, before=size, earlier=size)

    def step(self, state, x):
        return Delayed(x, state.before), state.earlier


class Twice(es.Cell[Delayed]):
    """Both parts of the state, and y, are one value."""

    State = Delayed

    def __init__(self, size):
        super().__init__(size, size, before=size, earlier=size)

    def step(self, state, x):
        y = torch.tanh(state.before - 2 * state.earlier + x)
        return Delayed(y, y), y


class Image(NamedTuple):
    grid: torch.Tensor


class Smoothed(es.Cell[Image]):
    """A state of two axes."""

    State = Image

    def __init__(self, size):
        super().__init__(size, size, grid=(2, size))

    def step(self, state, x):
        grid = 0.5 * state.grid + x.unsqueeze(1)
        return Image(grid), grid[:, 0] * grid[:, 1]


class Learned(es.cells.GRU):
    """Starts from a parameter."""

    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.start = torch.nn.Parameter(torch.linspace(-1, 1, hidden))

    def initial_state(self, batch_size, like, context=None):
        return self.State(self.start.expand(batch_size, -1))


class Streams(NamedTuple):
    value: torch.Tensor
    other: torch.Tensor


class Two(es.Cell[Image]):
    State = Image

    def __init__(self):
        super().__init__({"value": 3, "other": 2}, 3, grid=3)
        self.U = torch.nn.Parameter(torch.linspace(-1, 1, 6).reshape(2, 3))

    def step(self, state, x):
        grid = torch.tanh(state.grid + x.value + x.other @ self.U)
        return Image(grid), grid


@pytest.mark.parametrize(
    ("name", "rows", "dtype"),
    [
        *((name, 2, torch.float32) for name in sorted(CELLS)),
        *((name, rows, dtype) for name in REPRESENTATIVE for rows in (1, 7, 33) for dtype in DTYPES),
    ],
)
def test_steps_have_the_bits_of_unroll(name, rows, dtype):
    cell, x, state = made(name, rows, dtype)
    out = unrolled(cell, x, state, engine="llvm")
    of_tensors, of_arrays = (es.stream(cell, rows, state=state, engine="llvm") for _ in range(2))
    check_equal(of_tensors, stepped(of_tensors, x), out)
    check_equal(of_arrays, stepped(of_arrays, x.numpy()), out)


@pytest.mark.parametrize("name", sorted(CELLS))
def test_steps_of_the_plain_loop_have_the_numbers_of_unroll(name):
    cell, x, state = made(name, 3)
    stream = es.stream(cell, 3, state=state, engine="reference")
    check_equal(stream, stepped(stream, x), unrolled(cell, x, state, engine="reference"))


@pytest.mark.parametrize("engine", ["llvm", "reference"])
@pytest.mark.parametrize("kind", [Delay, Twice, Smoothed])
def test_any_use_of_the_state_is_as_in_unroll(kind, engine):
    cell = kind(INPUTS)
    x = torch.randn(STEPS, 2, INPUTS, generator=torch.Generator().manual_seed(0))
    state = random_state(cell, 2, torch.float32)
    stream = es.stream(cell, 2, state=state, engine=engine)
    check_equal(stream, stepped(stream, x), unrolled(cell, x, state, engine=engine))


def test_a_step_that_threads_share_has_the_bits_of_unroll():
    cell, x, state = made("lstm", 200, hidden=64)
    out = unrolled(cell, x, state, engine="llvm")
    stream = es.stream(cell, 200, state=state, engine="llvm")
    before = torch.get_num_threads()
    try:
        y = []
        for n, value in enumerate(x):
            torch.set_num_threads(1 + n % 2)
            y.append(stream.step(value))
    finally:
        torch.set_num_threads(before)
    check_equal(stream, torch.stack(y), out)


def test_numbers_of_16_bits_are_carried_in_32_as_unroll_does():
    cell, x, state = made("gru", 2)
    cell, x, state = cell.bfloat16(), x.bfloat16(), type(state)(*(part.bfloat16() for part in state))
    stream = es.stream(cell, 2, state=state, engine="llvm")
    check_equal(stream, stepped(stream, x), unrolled(cell, x, state, engine="llvm"))


def test_a_plain_function_is_streamed():
    def step(h, x):
        h = torch.tanh(h + 0.5 * x)
        return h, 2 * h

    x, start = torch.randn(4, 2, 3), torch.ones(2, 3)
    stream = es.stream(step, 2, state=start, engine="llvm")
    assert torch.equal(stream.state, start)
    out = unrolled(step, x, start, engine="llvm")
    assert torch.equal(stepped(stream, x), out.y)
    assert torch.equal(stream.state, out.state)
    stream.reset()
    assert not stream.state.any()


@pytest.mark.parametrize("kind", ["arrays", "tensors"])
def test_a_cell_of_several_streams_is_streamed(kind):
    cell, generator = Two(), torch.Generator().manual_seed(0)
    x = Streams(torch.randn(4, 2, 3, generator=generator), torch.randn(4, 2, 2, generator=generator))
    stream = es.stream(cell, 2, engine="llvm")
    give = torch.Tensor.numpy if kind == "arrays" else torch.Tensor.clone
    y = [stream.step(Streams(*(give(value[t]) for value in x))) for t in range(4)]
    assert {type(value) for value in y} == {np.ndarray if kind == "arrays" else torch.Tensor}
    assert torch.equal(torch.stack(list(map(torch.as_tensor, y))), unrolled(cell, x, engine="llvm").y)


def test_context_goes_to_every_step():
    class Context(NamedTuple):
        shift: torch.Tensor

    class Cell(es.Cell[Image]):
        State = Image

        def __init__(self):
            super().__init__(3, 3, grid=3)

        def step(self, state, x, context):
            grid = torch.tanh(state.grid + x + context.shift)
            return Image(grid), grid

    cell, x, context = Cell(), torch.randn(4, 2, 3), Context(torch.randn(2, 3))
    stream = es.stream(cell, 2, context=context, engine="llvm")
    assert torch.equal(stepped(stream, x), unrolled(cell, x, context=context, engine="llvm").y)
    for other in (Context(torch.randn(2, 3)), Context(torch.randn(2, 1).expand(2, 3))):
        stream.reset()
        stream.context = other
        assert torch.equal(stepped(stream, x), unrolled(cell, x, context=other, engine="llvm").y)
        assert stream.context is other


@pytest.mark.parametrize("engine", ["llvm", "reference"])
@pytest.mark.parametrize("name", REPRESENTATIVE)
def test_rows_that_are_selected_go_on_from_theirs(name, engine):
    cell, x, state = made(name, 4)
    rows = [2, 2, 0, 3]
    stream = es.stream(cell, 4, state=state, engine=engine)
    check_rows = unrolled(cell, x[:2], state, engine=engine)
    for value in x[:2]:
        stream.step(value)
    stream.select(rows)
    taken = type(check_rows.state)(*(part[rows] for part in check_rows.state))
    check_equal(stream, stepped(stream, x[2:]), unrolled(cell, x[2:], taken, engine=engine))


@pytest.mark.parametrize(
    "rows", [[0], [0, 1, 2], [0, -1], [0, 2], [0.0, 1.0], [True, False], None, [[0, 1]], "ab", [[0], 1]]
)
def test_rows_that_are_not_there_are_not_selected(rows):
    stream = es.stream(CELLS["gru"](2, 3), 2)
    stream.step(torch.ones(2, 2))
    before = stream.state.h
    with pytest.raises(ArgumentError, match="select"):
        stream.select(rows)
    assert torch.equal(stream.state.h, before)


def test_no_rows_are_selected_of_none():
    stream = es.stream(CELLS["gru"](2, 3), 0)
    stream.select([])
    assert stream.state.h.shape == (0, 3)


class Added(NamedTuple):
    places: torch.Tensor


@pytest.mark.parametrize("refused", [None, 5, Added(torch.ones(3, 4, 3))], ids=["none", "number", "rows"])
def test_a_context_that_is_refused_leaves_the_stream_as_it_was(refused):
    context = Added(torch.ones(2, 4, 3))
    stream = es.stream(
        lambda state, x, context: (state, x + context.places.sum(1)),
        2,
        state=torch.zeros(2, 3),
        context=context,
        engine="llvm",
    )
    x = torch.zeros(2, 3)
    before = stream.step(x)
    with pytest.raises(EngineError):
        stream.context = refused
    assert stream.context is context
    assert torch.equal(stream.step(x), before)


# what comes in and what goes out


def test_what_came_in_decides_what_comes_out(lstm):
    cell, x, _ = lstm
    stream = es.stream(cell, 2)
    assert type(stream.step(x[0])) is torch.Tensor
    assert type(stream.step(x[0].numpy())) is np.ndarray
    assert type(stream.step(x[0].numpy()[::-1])) is np.ndarray


@pytest.mark.parametrize("engine", ["llvm", "reference"])
def test_what_came_out_and_what_went_in_is_the_callers_own(engine):
    cell = Delay(3)
    stream = es.stream(cell, 2, engine=engine)
    x = torch.ones(2, 3)
    y = [stream.step(x) for _ in range(3)]
    kept = [value.clone() for value in (*y, *stream.state)]
    x.fill_(torch.nan)
    y[-1].fill_(torch.nan)
    for part in stream.state:
        part.fill_(torch.nan)
    array = np.ones((2, 3), "float32")
    last = stream.step(array)
    array[:] = np.nan
    assert torch.equal(torch.stack(y[:2]), torch.stack(kept[:2]))
    assert not np.isnan(last).any()
    assert not any(part.isnan().any() for part in stream.state)


def test_strided_inputs_are_read_in_their_order(lstm):
    cell, x, _ = lstm
    whole = unrolled(cell, x, engine="llvm").y
    across = x.permute(2, 0, 1).contiguous().permute(1, 2, 0)
    backwards = x.numpy()[:, :, ::-1].copy()[:, :, ::-1]
    for values in (across, backwards, x.requires_grad_(), torch._neg_view(-x.detach())):
        assert torch.equal(stepped(es.stream(cell, 2, engine="llvm"), values), whole)


def test_nan_goes_through_its_row_alone(lstm):
    cell, x, _ = lstm
    stream = es.stream(cell, 2, engine="llvm")
    x[0, 1, 2] = torch.nan
    y = stepped(stream, x)
    assert y[:, 1].isnan().all()
    assert not y[:, 0].isnan().any()


def test_nothing_is_differentiated(lstm):
    cell, x, _ = lstm
    for engine in ("llvm", "reference"):
        stream = es.stream(cell, 2, engine=engine)
        assert not stream.step(x[0].requires_grad_()).requires_grad
        assert not any(part.requires_grad for part in stream.state)


ARRAY = np.zeros((2, INPUTS), "float32")
REFUSED = [
    (ARRAY[0], es.errors.ShapeError, r"LSTM: x has shape \(5,\); expected \(batch=2, input=5\)"),
    (ARRAY[:, :1], es.errors.ShapeError, r"x has shape \(2, 1\); expected \(batch=2, input=5\)"),
    (ARRAY[None], es.errors.ShapeError, r"A stream takes one step at a time: pass x\[0\]"),
    (ARRAY.astype("float64"), es.errors.DTypeError, r'has float32: pass x.astype\("float32"\)'),
    (ARRAY.astype(">f4"), es.errors.DTypeError, "has dtype >f4; the stream has float32"),
    (ARRAY.astype(object), es.errors.DTypeError, "has dtype object; the stream has float32"),
    (torch.zeros(2, INPUTS, dtype=torch.int64), es.errors.DTypeError, r"pass x.to\(torch.float32\)"),
    (torch.zeros(2, INPUTS, device="meta"), es.errors.DeviceError, r'the stream is on cpu: pass x.to\("cpu"\)'),
    (torch.zeros(2, INPUTS).to_sparse(), es.errors.DTypeError, r"x is sparse; expected a dense tensor: pass x.to_den"),
    (ARRAY.tolist(), es.errors.DTypeError, "x is a list; expected a NumPy array or a tensor"),
    (None, es.errors.DTypeError, "x is None; expected a NumPy array or a tensor"),
    (Streams(ARRAY, ARRAY), es.errors.ShapeError, r"x is the streams \(value, other\); expected one array or tensor"),
]  # fmt: skip


@pytest.mark.parametrize("engine", ["llvm", "reference"])
@pytest.mark.parametrize(("x", "error", "words"), REFUSED, ids=range(len(REFUSED)))
def test_what_does_not_fit_is_refused_and_changes_nothing(x, error, words, engine, lstm):
    cell, good, state = lstm
    stream = es.stream(cell, 2, state=state, engine=engine)
    with pytest.raises(error, match=words):
        stream.step(x)
    check_equal(stream, stepped(stream, good), unrolled(cell, good, state, engine=engine))


def test_one_row_without_its_batch_axis_is_told_how():
    with pytest.raises(es.errors.ShapeError, match=r"The batch axis is missing: pass x\[None\]"):
        es.stream(made("lstm", 1)[0]).step(np.zeros(INPUTS, "float32"))


def test_arguments_that_do_not_fit_are_refused(lstm):
    cell, _, state = lstm
    with pytest.raises(es.errors.ArgumentError, match="batch_size is -1; expected a whole number"):
        es.stream(cell, -1)
    with pytest.raises(es.errors.DTypeError, match=r"dtype is torch.float64; the parameters have float32"):
        es.stream(cell, dtype=torch.float64)
    with pytest.raises(es.errors.ShapeError, match=r"state part h has shape \(2, 19\); expected \(batch=3, 19\)"):
        es.stream(cell, 3, state=state)
    with pytest.raises(es.errors.StateError, match="expected LSTMState"):
        es.stream(cell, 2).state = tuple(state)
    with pytest.raises(es.errors.StateError, match="a plain function has no initial state of its own"):
        es.stream(lambda s, x: (s, x))
    with pytest.raises(es.errors.UnknownNameError, match="llvm"):
        es.stream(cell, engine="llmv")


# the state


def test_a_state_that_is_set_is_gone_on_from(lstm):
    cell, x, state = lstm
    stream = es.stream(cell, 2, engine="llvm")
    stepped(stream, x)
    stream.state = state
    check_equal(stream, stepped(stream, x), unrolled(cell, x, state, engine="llvm"))


def test_a_reset_starts_again_as_the_cell_starts():
    cell = Learned(INPUTS, HIDDEN)
    x = torch.randn(STEPS, 2, INPUTS)
    for engine in ("llvm", "reference"):
        stream = es.stream(cell, 2, state=random_state(cell, 2, torch.float32), engine=engine)
        stepped(stream, x)
        stream.reset()
        check_equal(stream, stepped(stream, x), unrolled(cell, x, engine=engine))


@pytest.mark.parametrize("rows", [[2, 0], torch.tensor([0, 2]), np.array([True, False, True, False]), (0, 2)])
def test_a_reset_of_some_rows_leaves_the_others(rows):
    cell, x, state = made("lstm", 4)
    resets = torch.zeros(STEPS, 4, dtype=torch.bool)
    resets[3, [0, 2]] = True
    stream = es.stream(cell, 4, state=state, engine="llvm")
    first = stepped(stream, x[:3])
    stream.reset(rows)
    out = unrolled(cell, x, state, resets=resets, engine="llvm")
    check_equal(stream, torch.cat([first, stepped(stream, x[3:])]), out)


@pytest.mark.parametrize("rows", [[4], [-1], 0.5, np.array([True]), "all", [[0]]])
def test_rows_that_are_not_there_are_refused(rows):
    stream = es.stream(made("lstm", 4)[0], 4)
    with pytest.raises(es.errors.ArgumentError, match=r"expected numbers 0..3, or \(batch=4,\) bool"):
        stream.reset(rows)


def test_streams_of_one_cell_do_not_know_each_other(lstm):
    cell, x, state = lstm
    one, other = es.stream(cell, 2, engine="llvm"), es.stream(cell, 2, state=state, engine="llvm")
    y = [(one.step(value), other.step(value)) for value in x]
    assert torch.equal(torch.stack([pair[0] for pair in y]), unrolled(cell, x, engine="llvm").y)
    assert torch.equal(torch.stack([pair[1] for pair in y]), unrolled(cell, x, state, engine="llvm").y)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda stream: pickle.loads(pickle.dumps(stream))])
@pytest.mark.parametrize("engine", ["llvm", "reference"])
def test_a_copy_goes_on_alone_from_the_same_state(duplicate, engine, lstm):
    cell, x, state = lstm
    stream = es.stream(cell, 2, state=state, engine=engine)
    first = stepped(stream, x[:3])
    other = duplicate(stream)
    stepped(stream, x)
    check_equal(other, torch.cat([first, stepped(other, x[3:])]), unrolled(cell, x, state, engine=engine))
    assert (other.engine, other.batch_size) == (engine, 2)


def test_a_copy_of_a_streamed_function_knows_its_input():
    stream = es.stream(_decay, 2, state=torch.ones(2, 3), engine="llvm")
    stream.step(torch.ones(2, 3))
    other = pickle.loads(pickle.dumps(stream))
    with pytest.raises(es.errors.ShapeError, match=r"expected \(batch=2, input=3\)"):
        other.step(torch.ones(2, 4))
    assert torch.equal(other.step(torch.ones(2, 3)), stream.step(torch.ones(2, 3)))


def _decay(state, x):
    state = 0.5 * state + x
    return state, state


# the parameters


class WritesData(torch.optim.Optimizer):
    """As many optimizers beside torch's do."""

    def __init__(self, params):
        super().__init__(params, {})

    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.data.add_(p.grad, alpha=-0.1)


def changes():
    def stepped_by(make, **settings):
        def optimizer(cell):
            for p in cell.parameters():
                p.grad = torch.ones_like(p)
            make(cell.parameters(), **settings).step()

        return optimizer

    def loaded(cell):
        cell.load_state_dict({name: value + 0.1 for name, value in cell.state_dict().items()})

    def replaced(cell):
        cell.W = torch.nn.Parameter(cell.W.detach() + 0.1)

    def pointed_elsewhere(cell):
        torch.nn.utils.vector_to_parameters(
            torch.nn.utils.parameters_to_vector(cell.parameters()) + 0.1, cell.parameters()
        )

    def biased(cell):
        with torch.no_grad():
            cell.b += 0.1

    optimizers = [
        stepped_by(torch.optim.SGD, lr=0.1),
        stepped_by(torch.optim.SGD, lr=0.1, foreach=True),
        stepped_by(torch.optim.SGD, lr=0.1, fused=True),
        stepped_by(torch.optim.AdamW, lr=0.1, fused=True),
        stepped_by(WritesData),
    ]
    return [*optimizers, loaded, replaced, pointed_elsewhere, biased]


@pytest.mark.parametrize("change", changes())
@pytest.mark.parametrize("kind", [torch.Tensor.clone, torch.Tensor.numpy], ids=["tensors", "arrays"])
def test_changed_parameters_are_seen_before_the_next_step(change, kind, lstm):
    cell, x, _ = lstm
    stream = es.stream(cell, 2, engine="llvm")
    stepped(stream, map(kind, x))
    state = stream.state
    change(cell)
    y = stepped(stream, map(kind, x))
    check_equal(stream, y, unrolled(cell, x, state, engine="llvm"))


def test_parameters_written_to_unseen_are_read_at_a_refresh(lstm):
    cell, x, state = lstm
    stream = es.stream(cell, 2, state=state, engine="llvm")
    before = unrolled(cell, x[:1], state, engine="llvm").y[0]
    for p in cell.parameters():
        p.data.mul_(2)
    assert torch.equal(stream.step(x[0]), before)  # the whole of it as it was packed, biases too
    stream.state = state
    stream.refresh()
    check_equal(stream, stepped(stream, x), unrolled(cell, x, state, engine="llvm"))


def test_parameters_of_another_dtype_ask_for_another_stream(lstm):
    cell, x, _ = lstm
    stream = es.stream(cell, 2, engine="llvm")
    cell.double()
    with pytest.raises(es.errors.DTypeError, match="the parameters have float64 and the stream float32: make another"):
        stream.step(x[0])


# where compiled code can't serve


def test_a_step_that_can_not_be_compiled_is_looped_with_one_warning():
    class Branching(es.cells.GRU):
        def step(self, state, x):
            return super().step(state, x if x.sum() > 0 else -x)

    cell, x = Branching(INPUTS, 3), torch.randn(4, 2, INPUTS)
    with pytest.warns(es.errors.FallbackWarning, match="Branching.*the reference loop runs it") as seen:
        stream = es.stream(cell, 2)
    assert seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = es.stream(cell, 2)
    assert stream.engine == again.engine == "reference"
    assert stream.why
    check_equal(stream, stepped(stream, x), unrolled(cell, x, engine="reference"))
    with pytest.raises(es.errors.EngineError, match='engine "llvm" can\'t serve this stream'):
        es.stream(cell, 2, engine="llvm")


def test_the_engine_of_a_block_is_the_streams(lstm):
    with es.use_engine("reference"):
        stream = es.stream(lstm[0], 2)
    assert stream.engine == "reference"
    assert es.stream(lstm[0], 2).engine == "llvm"


def test_no_rows_are_stepped_by_the_plain_loop():
    stream = es.stream(made("lstm", 1)[0], 0)
    assert stream.step(np.zeros((0, INPUTS), "float32")).shape == (0, HIDDEN)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, of what forward mode loads
@pytest.mark.parametrize("engine", ["llvm", "reference"])
def test_transforms_are_refused_as_they_would_leak_into_the_state(engine, lstm):
    cell, x, _ = lstm
    stream, one, forward = es.stream(cell, 2, engine=engine), x[0].clone(), torch.autograd.forward_ad
    with pytest.raises(es.errors.EngineError, match=r"a transform of torch.func is at work.*use unroll"):
        torch.func.vmap(stream.step)(x)
    with pytest.raises(es.errors.EngineError, match=r"forward-mode differentiation is at work"), forward.dual_level():
        stream.step(forward.make_dual(one, one))
    with pytest.raises(es.errors.EngineError, match=r"dispatch mode"), torch._subclasses.FakeTensorMode():
        stream.step(one)
    check_equal(stream, stepped(stream, x), unrolled(cell, x, engine=engine))


# threads and processes


def test_a_stream_that_threads_fight_over_mixes_steps_but_lives(lstm):
    cell, x, _ = lstm
    for rows, hidden in ((2, HIDDEN), (200, 64)):
        cell, x, _ = made("lstm", rows, hidden=hidden)
        stream = es.stream(cell, rows, engine="llvm")

        def act(n, stream=stream, x=x, shape=(rows, hidden)):
            for t in range(100):
                if t % 25 == n:
                    stream.refresh() if n % 2 else stream.reset()
                y = stream.step(x[t % STEPS] if n % 2 else x[t % STEPS].numpy())
                assert y.shape == shape

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(act, range(4)))
        stream.reset()
        assert torch.equal(stepped(stream, x), unrolled(cell, x, engine="llvm").y)


def _in_child(stream, x, pipe):
    pipe.send(stepped(stream, x).numpy())


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python's own, of a fork of a process with threads
@pytest.mark.parametrize(("rows", "hidden"), [(2, HIDDEN), (200, 64)])
def test_a_forked_child_goes_on(rows, hidden):
    cell, x, _ = made("lstm", rows, hidden=hidden)
    stream = es.stream(cell, rows, engine="llvm")
    stepped(stream, x[:3])
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_in_child, args=(stream, x[3:], there))
    child.start()
    assert here.poll(30)
    y = here.recv()
    child.join(30)
    assert np.array_equal(y, stepped(stream, x[3:]).numpy())


def test_a_stream_shows_what_it_is(lstm):
    assert repr(es.stream(lstm[0], 2)) == "Stream(LSTM, batch 2, float32, engine 'llvm')"
