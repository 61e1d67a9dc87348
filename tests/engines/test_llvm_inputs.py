"""Whatever the Python layer accepts is computed as the plain loop computes it, or left to it; no process ends."""

import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

import everystep as es
from agreement import check_same, outcome, random_state
from everystep.errors import EngineError, FallbackWarning, StateError

TOLERANCE = 1e-10  # float64 on both sides


class State(NamedTuple):
    h: Tensor


class Two(NamedTuple):
    h: Tensor
    y: Tensor


class Nothing(NamedTuple):
    pass


class Streams(NamedTuple):
    chosen: Tensor  # (time, batch, 3) bool
    value: Tensor  # (time, batch, 3)


def some(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(math.prod(shape)))


def check(step, x, state, **arguments):
    expected = outcome(step, x, state, engine="reference", **arguments)
    for _ in range(2):
        check_same(outcome(step, x, state, engine="llvm", **arguments), expected, TOLERANCE)


@pytest.fixture
def cell():
    torch.manual_seed(0)
    return es.cells.GRU(3, 5).double()


LAYOUTS = {
    "transposed": lambda: some(2, 4, 3).transpose(0, 1),
    "features first": lambda: some(3, 4, 2).permute(1, 2, 0),
    "expanded over rows": lambda: some(4, 1, 3).expand(4, 2, 3),
    "expanded over time": lambda: some(1, 2, 3).expand(4, 2, 3),
    "one number": lambda: some(1).expand(4, 2, 3),
    "unaligned": lambda: some(25)[1:].view(4, 2, 3),
    "every other": lambda: some(8, 4, 6)[::2, ::2, ::2],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_of_x_and_state(cell, layout):
    x = LAYOUTS[layout]()
    state = type(cell).State(some(5, 2).T if layout == "transposed" else some(1, 1).expand(2, 5))
    expected = es.unroll(cell, x.contiguous(), type(state)(state.h.contiguous()), engine="reference").y
    for _ in range(2):
        check_same({"y": es.unroll(cell, x, state, engine="llvm").y}, {"y": expected}, TOLERANCE)


@pytest.mark.parametrize("steps_rows", [(1, 1), (4, 1), (1, 7), (300, 2), (3, 300)], ids=str)
def test_any_number_of_steps_and_rows(cell, steps_rows):
    check(cell, some(*steps_rows, 3), random_state(cell, steps_rows[1]))


def test_no_rows_take_no_time(cell):
    out = es.unroll(cell, torch.zeros(10**7, 0, 3, dtype=torch.float64), record="all")
    assert out.y.shape == (10**7, 0, 5)
    assert out.record["reset"].shape == (10**7, 0, 5)


def test_x_and_state_that_are_no_leaves(cell):
    x, h = some(4, 2, 3).requires_grad_(), some(2, 5).requires_grad_()

    def run(engine):
        y = es.unroll(cell, x * 2, type(cell).State(h.tanh()), engine=engine).y
        return {"y": y.detach(), **dict(zip("xh", torch.autograd.grad(y.sum(), [x, h]), strict=True))}

    check_same(run("llvm"), run("reference"), TOLERANCE)


def test_inference_mode(cell):
    expected = es.unroll(cell, some(4, 2, 3), engine="reference").y.detach()
    with torch.inference_mode():
        for _ in range(2):
            y = es.unroll(cell, some(4, 2, 3) * 1, engine="llvm").y
            check_same({"y": y}, {"y": expected}, TOLERANCE)


STEPS = {
    "the state stays": lambda state, x: (state, x + state.h),
    "y is x": lambda state, x: (State(state.h * x), x),
    "y is the state": lambda state, x: (State(state.h + x), state.h),
    "x is the state": lambda state, x: (State(x), state.h),
    "both are x": lambda state, x: (State(x), x),
    "the gradients are one": lambda state, x: (State(torch.tanh(state.h + x)), x * 1),
}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("arguments", [{}, {"lengths": [4, 1], "reverse": True}, {"recompute": "segments"}], ids=str)
def test_steps_that_do_next_to_nothing(name, arguments):
    check(STEPS[name], some(4, 2, 3), State(some(2, 3)), record="all", **arguments)


class Wide(es.cells.Elman):
    """The state and y do not depend on the state before, and x is wide enough to be hoisted."""

    def step(self, state, x):
        s = x @ self.U.T + self.b
        return type(state)(s), torch.tanh(s @ self.W.T)


class Parameter(es.Cell[State]):
    State = State

    def __init__(self):
        super().__init__(3, 3, h=3)
        self.w = nn.Parameter(torch.randn(3, 3))
        self.b = nn.Parameter(torch.randn(3))

    def step(self, state, x):
        return State(torch.tanh(state.h @ self.w + x)), self.b.expand(len(x), 3)


class NamedY(es.Cell[Two]):
    """A part of the state has the name of the output."""

    State = Two

    def __init__(self):
        super().__init__(3, 3, h=3, y=3)
        self.w = nn.Parameter(torch.randn(3, 3))

    def step(self, state, x):
        h = torch.tanh(state.h @ self.w + x)
        return Two(h, state.y + h), es.tap("x", h * 3) + 1


class Stateless(es.Cell[Nothing]):
    State = Nothing

    def __init__(self):
        super().__init__(3, 3)
        self.w = nn.Parameter(torch.randn(3, 3))

    def step(self, state, x):
        return Nothing(), torch.tanh(x @ self.w)


@pytest.mark.parametrize("arguments", [{}, {"lengths": [4, 1]}], ids=str)
@pytest.mark.parametrize(
    "make", [lambda: Wide(70, 5), Parameter, NamedY, Stateless], ids=["wide", "parameter", "y", "none"]
)
def test_unusual_cells(make, arguments):
    torch.manual_seed(0)
    cell = make().double()
    check(cell, some(4, 2, cell.input_size), random_state(cell, 2), record="all", **arguments)


def choose(state, x):
    return State(torch.where(x.chosen, state.h, x.value)), torch.where(x.chosen[:, 1:2], state.h, 0) + x.value


class Before(es.Cell[State]):
    """A wide output of the state as it entered, whose slope is found again from that state on the way back."""

    State = State

    def __init__(self):
        super().__init__(3, 40, h=5)
        self.V = nn.Parameter(some(40, 5))

    def step(self, state, x):
        return State(torch.tanh(nn.functional.pad(x, (0, 2)) - state.h)), abs(-state.h) @ self.V.T


@pytest.mark.parametrize("steps", [1, 4])
def test_a_wide_output_of_the_state_before(steps):
    check(Before().double(), some(steps, 2, 3), State(some(2, 5)))


def test_truths_of_several_features():
    check(choose, Streams(some(4, 2, 3) > 0, some(4, 2, 3)), State(some(2, 3)))


def test_a_long_step_and_one_that_doubles():
    def doubling(state, x):
        value = state.h * 0.001 + x
        for _ in range(40):
            value = (value + value) * 0.5
        return State(torch.sin(value)), value

    def long(state, x):
        value = state.h
        for _ in range(300):
            value = value * 0.5 + x
        return State(value), value

    check(doubling, some(2, 2, 3), State(some(2, 3)))
    check(long, some(2, 2, 3), State(some(2, 3)))


def test_nothing_depends_on_anything():
    def step(state, x):
        return State(torch.zeros_like(x)), torch.ones_like(x)

    out = es.unroll(step, some(4, 2, 3), State(some(2, 3)), engine="llvm")
    assert torch.equal(out.y, torch.ones(4, 2, 3))
    assert not out.state.h.any()


def refused(cell, x, state=None):
    with pytest.raises((EngineError, es.errors.EverystepError)):
        es.unroll(cell, x, state, engine="llvm")


def test_a_bad_state_is_refused_in_words_after_a_good_call_too():
    lstm, x = es.cells.LSTM(3, 5), torch.zeros(4, 2, 3)
    state = es.unroll(lstm, x, engine="llvm").state
    es.unroll(lstm, x, state, engine="llvm")
    with pytest.raises(StateError, match="state part c is a NoneType"):
        es.unroll(lstm, x, state._replace(c=None), engine="llvm")
    with pytest.raises(StateError):
        es.unroll(lstm, x, [1, 2], engine="llvm")


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_what_is_no_plain_memory_is_left_to_the_plain_loop(cell):
    x = some(4, 2, 3)
    refused(cell, x.to_sparse())
    refused(cell, torch.quantize_per_tensor(x.float(), 0.1, 0, torch.qint8))
    refused(cell, x.to("meta"))
    refused(cell, x.to(torch.complex128))
    cell.W = nn.Parameter(cell.W.to("meta"))
    refused(cell, x)


def test_numbers_of_unlike_kinds_are_left_to_the_plain_loop():
    def counting(state, x):
        return State(state.h + 1), x * 2

    with pytest.warns(FallbackWarning, match="a tensor is int64"):
        out = es.unroll(counting, some(4, 2, 3), State(torch.zeros(2, 1, dtype=torch.int64)))
    assert out.state.h.flatten().tolist() == [4, 4]
    refused(counting, some(4, 2, 3), State(torch.zeros(2, 1) > 0))


def test_a_fault_of_the_compiler_costs_time_and_nothing_else(cell, monkeypatch):
    from everystep.engines.llvm import passes

    def broken(*args, **kwargs):
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(passes, "plan", broken)
    x = some(6, 3, 3)
    cell.train(mode=False)
    cell.marked = "for a trace of its own"
    for _ in range(2):
        with pytest.raises(EngineError, match="a fault of everystep: ZeroDivisionError"):
            es.unroll(cell, x, engine="llvm")
    with pytest.warns(FallbackWarning, match="a fault of everystep"):
        out = es.unroll(cell, x)
    assert out.engine == "reference"


def test_a_call_with_a_context_is_not_answered_as_one_without():
    class Given(NamedTuple):
        bias: torch.Tensor

    class Biased(es.cells.GRU):
        def step(self, state, x, context=None):
            return super().step(state, x if context is None else x + context.bias)

    cell, x, context = Biased(3, 4), torch.randn(5, 2, 3), Given(torch.ones(2, 3))
    with_it, without = (es.unroll(cell, x, context=given, engine="llvm").y for given in (context, None))
    assert not torch.equal(with_it, without)
    assert torch.equal(es.unroll(cell, x, context=context, engine="llvm").y, with_it)
