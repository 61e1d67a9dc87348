"""A trace that is not the step is refused, whatever the step hides; a right one passes and changes nothing."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import everystep as es
from everystep.cells import CELLS
from everystep.compiler.agree import hold
from everystep.compiler.guards import roots_of
from everystep.compiler.trace import Asked, TraceError, trace
from everystep.engines import Stepper


class State(NamedTuple):
    h: Tensor


class Own(es.Cell[State]):
    State = State

    def __init__(self):
        super().__init__(3, 4, h=4)
        self.enter, self.recur = nn.Linear(3, 4), nn.Linear(4, 4)
        self.register_buffer("scale", torch.ones(4))

    def step(self, state, x):
        h = torch.tanh(self.inner(self.enter(x) + self.recur(state.h)))
        return State(h), h * self.scale

    def inner(self, a):
        return a


class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        return a.sign()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class SquareWithDerivative(torch.autograd.Function):
    """An autograd function whose forward is known to the compiler and whose backward is right."""

    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        return a * a

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient * ctx.saved_tensors[0]


class HidesAFunction(Own):
    def inner(self, a):
        return a + StraightThrough.apply(a)


class HidesARightFunction(Own):
    def inner(self, a):
        return SquareWithDerivative.apply(a)


class HidesNumpy(Own):
    def inner(self, a):
        return a * float(a.detach().numpy().mean())


class Counts(Own):
    """Does something else at every call."""

    calls = 0

    def inner(self, a):
        self.calls += 1
        return a * (1.0 if self.calls < 3 else 2.0)


class Remembers(Own):
    last = None

    def inner(self, a):
        a = a if self.last is None or self.last.shape != a.shape else a + self.last
        self.last = a.detach()
        return a


class WritesBetweenCalls(Own):
    """In-place work that autograd can't go back through."""

    def inner(self, a):
        b = torch.sigmoid(a)
        return b.mul_(2)


class HooksIntoTheGradient(Own):
    def inner(self, a):
        if a.requires_grad:
            a.register_hook(lambda g: g * 2)
        return a


class NoGrad(Own):
    """Honest: autograd sees no gradient here, and neither does the trace."""

    def inner(self, a):
        with torch.no_grad():
            scale = a.abs().amax(-1, keepdim=True)
        return a / scale + a.detach()


class OnlyFloat32(Own):
    def inner(self, a):
        return a @ torch.eye(4)


def make_call(step):
    stepper = Stepper(step, State(torch.zeros(1)))
    return lambda parts, streams, context, rows: stepper.heard(parts, streams["x"])


def held(step, dtype=torch.float32):
    asked = Asked({"h": (4,)}, {"x": ((3,), dtype)}, {}, dtype)
    hold(trace(make_call(step), asked, roots_of(step)), asked, step, make_call)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("kind", [Own, NoGrad])
def test_a_right_trace_passes(kind, dtype):
    held(kind().to(dtype), dtype)


def test_a_step_that_insists_on_float32_is_held_in_float32():
    held(OnlyFloat32())


@pytest.mark.parametrize("name", CELLS)
def test_every_cell_of_the_library_passes(name):
    cell = CELLS[name](3, 4)
    state = cell.initial_state(1, torch.zeros(()))
    parts = {part: (size,) for part, size in cell.part_sizes.items()}
    asked = Asked(parts, {"x": ((3,), torch.float32)}, {}, torch.float32)

    def call_of(step):
        stepper = Stepper(step, state)
        return lambda parts, streams, context, rows: stepper.heard(parts, streams["x"])

    hold(trace(call_of(cell), asked, roots_of(cell)), asked, cell, call_of)


MEND = (
    ": it hides something from the trace (no_grad, detach, .data, a custom autograd function, a value kept between "
    'calls); engine="reference" runs it as it is.'
)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (HidesAFunction, "the gradient of x of step 1"),
        (HidesARightFunction, "the gradient of x of step 1"),
        (Counts, "state h of step 1"),
        (HooksIntoTheGradient, "the gradient of x of step 1"),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_step_that_hides_something_is_refused_by_name(kind, name, dtype):
    torch.manual_seed(0)
    with pytest.raises(TraceError) as caught:
        held(kind().to(dtype), dtype)
    assert str(caught.value) == f"the traced step differs from the step itself in {name}{MEND}"


class CountsItsCalls(Own):
    calls = 0

    def inner(self, a):
        self.calls += 1
        return a


class Shows(Own):
    shown = None

    def inner(self, a):
        self.shown = a
        return a


class Logs(Own):
    def __init__(self):
        super().__init__()
        self.log = []

    def inner(self, a):
        self.log.append(a.shape[0])
        return a


@pytest.mark.parametrize(("kind", "name"), [(CountsItsCalls, "calls"), (Shows, "shown"), (Logs, "log")])
def test_a_step_that_changes_its_cell_is_refused(kind, name):
    with pytest.raises(TraceError) as caught:
        held(kind())
    assert str(caught.value) == (
        f"the step changes {name} while it runs; a step writes nothing: show values with tap, or "
        'engine="reference" runs the step as it is.'
    )


@pytest.mark.parametrize("kind", [HidesNumpy, Remembers, WritesBetweenCalls])
def test_other_ways_of_hiding_are_refused_too(kind):
    with pytest.raises(TraceError):
        held(kind())


def test_a_write_that_autograd_refuses_is_told_in_its_words():
    with pytest.raises(TraceError, match="autograd of the step raised RuntimeError: one of the variables needed"):
        held(WritesBetweenCalls())


def test_an_attribute_changed_after_the_trace_is_seen():
    step = Own()
    step.gain = 1.0
    step.inner = lambda a: a * step.gain
    asked = Asked({"h": (4,)}, {"x": ((3,), torch.float32)}, {}, torch.float32)
    found = trace(make_call(step), asked, roots_of(step))
    hold(found, asked, step, make_call)
    step.gain = 2.0
    with pytest.raises(TraceError, match="differs from the step itself in state h of step 1"):
        hold(found, asked, step, make_call)


def test_a_large_step_is_held_in_its_own_dtype_for_the_sake_of_time():
    class Large(Own):
        def __init__(self):
            super().__init__()
            self.inside = nn.Linear(4, 2**17)

        def inner(self, a):
            return a + self.inside(a).mean(-1, keepdim=True) + (StraightThrough.apply(a) if self.hides else a)

    for hides in (False, True):
        Large.hides = hides
        with pytest.raises(TraceError) if hides else contextlib.nullcontext():
            held(Large())


def test_nothing_of_the_step_changes():
    step = Own()
    step.recur.weight.grad = torch.ones(4, 4)
    before = {name: value.clone() for name, value in step.state_dict().items()}
    random = torch.get_rng_state()
    held(step)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(before[name], value) for name, value in step.state_dict().items())
    assert torch.equal(step.recur.weight.grad, torch.ones(4, 4))
    assert step.enter.weight.grad is None
    assert step.enter.weight.dtype == torch.float32


def test_it_holds_whatever_the_caller_has_switched_off():
    with torch.no_grad():
        held(Own())
        with pytest.raises(TraceError):
            held(HidesAFunction())
    cell = Own()
    with torch.inference_mode():
        held(cell)
    with torch.autocast("cpu", torch.bfloat16):
        held(cell)


def test_a_plain_function_is_held_in_its_own_dtype():
    W = torch.randn(4, 4) * 0.3

    def step(state, x):
        h = torch.tanh(state.h @ W) + x.sum(-1, keepdim=True)
        return State(h), h

    held(step)
    held(lambda state, x: (State(state.h + F.pad(x, (0, 1))), state.h))


def test_a_cell_that_can_not_be_copied_is_held_as_it_is():
    class NoCopy(Own):
        def __deepcopy__(self, memo):
            raise TypeError("no")

    held(NoCopy())


def test_prepared_weights_are_held_with_their_gradients():
    class Normed(Own):
        def __init__(self):
            super().__init__()
            self.recur = nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))
            self.mask = torch.tensor([True, False, True, True])

        def inner(self, a):
            return a @ (self.enter.weight @ self.enter.weight.T) * self.mask

    held(Normed())
    held(Normed().double(), torch.float64)


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning")
def test_the_older_weight_norm_is_prepared_too():
    cell = Own()
    nn.utils.weight_norm(cell.recur)
    held(cell)


def test_tracing_and_holding_import_nothing_heavy():
    """torch imports its own compiler (a second) where a dispatch mode or a broadcast of shapes asks for it."""
    code = """
import sys, torch
from everystep.cells import LSTM
from everystep.compiler.agree import hold
from everystep.compiler.guards import Guard
from everystep.compiler.trace import Asked, trace
from everystep.engines import Stepper
before = set(sys.modules)
def make_call(step):
    stepper = Stepper(step, step.initial_state(1, torch.zeros(())))
    return lambda parts, streams, context, rows: stepper.heard(parts, streams["x"])
cell = LSTM(3, 4)
asked = Asked({"h": (4,), "c": (4,)}, {"x": ((3,), torch.float32)}, {}, torch.float32)
hold(trace(make_call(cell), asked, Guard(cell).roots()), asked, cell, make_call)
print([name for name in set(sys.modules) - before if name.startswith(("torch._dynamo", "torch._refs", "sympy"))])
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"
