"""Whatever a trace took for granted is seen when it changes, and known again when it changes back."""

from __future__ import annotations

import copy
import gc
import weakref
from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils import parametrize

import everystep as es
from everystep.compiler.guards import Guard, roots_of
from everystep.compiler.trace import TraceError

SCALE = 0.5
SETTINGS = {"scale": [1.0, 2.0]}
TABLE = torch.ones(3)


class State(NamedTuple):
    h: Tensor


class Config:
    def __init__(self):
        self.gain = 1.0


def helper(h):
    return h * SCALE + SETTINGS["scale"][0]


class Own(es.Cell[State]):
    State = State
    factor = 2.0

    def __init__(self):
        super().__init__(3, 4, h=4)
        self.enter, self.recur = nn.Linear(3, 4), nn.Linear(4, 4)
        self.norm = nn.LayerNorm(4)
        self.register_buffer("mask", torch.ones(4))
        self.register_parameter("nothing", None)
        self.gain, self.sizes, self.names = 1.0, [1, [2, 3]], {"a": 1}
        self.config, self.array = Config(), np.ones(2)
        self.extra = [torch.ones(4), {"deep": torch.zeros(2)}]
        self.act = torch.tanh

    def step(self, state, x):
        h = self.act(self.norm(self.enter(x) + self.recur(state.h)) * self.gain) * self.factor
        return State(self.inner(helper(h))), h

    def inner(self, h):
        return h * self.mask + TABLE.sum()


@pytest.fixture
def cell():
    torch.manual_seed(0)
    return Own()


CHANGES = {
    "a plain attribute": lambda c: setattr(c, "gain", 2.0),
    "a list inside a list": lambda c: c.sizes[1].append(4),
    "an item of a dict": lambda c: c.names.update(a=2),
    "an attribute of an object it holds": lambda c: setattr(c.config, "gain", 3.0),
    "an array in place": lambda c: c.array.fill(7),
    "an attribute that is new": lambda c: setattr(c, "other", 1),
    "an attribute that is gone": lambda c: delattr(c, "names"),
    "a function it holds": lambda c: setattr(c, "act", torch.sigmoid),
    "training of all": lambda c: c.eval(),
    "training of one layer": lambda c: c.norm.eval(),
    "an attribute of a layer": lambda c: setattr(c.norm, "eps", 1e-3),
    "a layer": lambda c: setattr(c, "norm", nn.LayerNorm(4, eps=1e-2)),
    "a layer of another class": lambda c: setattr(c, "norm", nn.Identity()),
    "a further layer": lambda c: setattr(c, "more", nn.Linear(1, 1)),
    "a bias that is gone": lambda c: setattr(c.enter, "bias", None),
    "a parameter where there was none": lambda c: setattr(c, "nothing", nn.Parameter(torch.ones(4))),
    "a further buffer": lambda c: c.register_buffer("more", torch.ones(1)),
    "dtype": lambda c: c.double(),
    "data of another dtype": lambda c: setattr(c.mask, "data", torch.ones(4, dtype=torch.float64)),
    "data of another shape": lambda c: setattr(c.mask, "data", torch.ones(1)),
    "data with other strides": lambda c: setattr(c.recur.weight, "data", c.recur.weight.data.t()),
    "whether a parameter is trained": lambda c: c.recur.weight.requires_grad_(requires_grad=False),
    "a tie": lambda c: setattr(c.enter, "bias", c.recur.bias),
    "a forward hook": lambda c: c.enter.register_forward_hook(lambda m, i, o: o * 2),
    "a forward pre-hook": lambda c: c.enter.register_forward_pre_hook(lambda m, i: None),
    "a parametrization": lambda c: parametrize.register_parametrization(c.recur, "weight", Skew()),
    "weight_norm": lambda c: nn.utils.parametrizations.weight_norm(c.recur),
    "the step of one cell": lambda c: setattr(c, "step", lambda state, x: (state, x)),
    "a tensor attribute": lambda c: c.extra.__setitem__(0, torch.ones(4, 1)),
    "a tensor deep inside": lambda c: c.extra[1].update(deep=torch.zeros(3)),
}


class Skew(nn.Module):
    def forward(self, w):
        return w - w.T


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen_and_has_another_key(cell, name):
    guard = Guard(cell)
    assert guard.holds()
    CHANGES[name](cell)
    assert not guard.holds()
    assert Guard(cell).holds()
    assert Guard(cell).key() != guard.key()


def test_a_class_attribute_a_global_and_a_method_are_seen(cell, monkeypatch):
    for target, name, value in [
        (Own, "factor", 3.0),
        (Own, "inner", lambda self, h: h),
        (Own, "step", lambda self, state, x: (state, x)),
    ]:
        guard = Guard(cell)
        with monkeypatch.context() as patch:
            patch.setattr(target, name, value)
            assert not guard.holds()
            assert Guard(cell).key() != guard.key()
        assert guard.holds()
    for name, value in {"SCALE": 3.0, "helper": lambda h: h, "TABLE": torch.ones(4)}.items():
        guard = Guard(cell)
        with monkeypatch.context() as patch:
            patch.setitem(globals(), name, value)
            assert not guard.holds()
            assert Guard(cell).key() != guard.key()
        assert guard.holds()
    guard = Guard(cell)
    SETTINGS["scale"][0] = 5.0
    try:
        assert not guard.holds()
        assert Guard(cell).key() != guard.key()
    finally:
        SETTINGS["scale"][0] = 1.0
    assert guard.holds()


SAME = {
    "numbers written in place": lambda c: c.mask.add_(1),
    "numbers written through data": lambda c: c.recur.weight.data.mul_(2),
    "data of the same layout": lambda c: setattr(c.mask, "data", torch.zeros(4)),
    "load_state_dict": lambda c: c.load_state_dict({k: v * 2 for k, v in c.state_dict().items()}),
    "to where it is": lambda c: c.to("cpu", torch.float32),
    "a gradient": lambda c: c.recur(torch.ones(1, 4)).sum().backward(),
    "an equal number": lambda c: setattr(c, "gain", 1.0),
    "an equal list": lambda c: setattr(c, "sizes", [1, [2, 3]]),
}


@pytest.mark.parametrize("name", SAME)
def test_what_changes_no_layout_needs_no_new_look(cell, name):
    guard = Guard(cell)
    SAME[name](cell)
    assert guard.holds()
    assert all(now is then for now, then in zip(guard.roots().values(), roots_of(cell).values(), strict=True))


ALIKE = {
    "a new parameter of the same layout": lambda c: setattr(c.recur, "weight", nn.Parameter(torch.ones(4, 4))),
    "a new buffer": lambda c: setattr(c, "mask", torch.zeros(4)),
    "an attribute changed back": lambda c: (setattr(c, "gain", 2.0), setattr(c, "gain", 1.0)),
    "train after eval": lambda c: c.eval().train(),
    "a parametrization put on and off": lambda c: (
        parametrize.register_parametrization(c.recur, "weight", Skew()),
        parametrize.remove_parametrizations(c.recur, "weight"),
        setattr(c.recur, "weight", nn.Parameter(torch.ones(4, 4))),
    ),
    "load_state_dict by assignment": lambda c: c.load_state_dict(
        {k: nn.Parameter(v * 2) if k != "mask" else v for k, v in c.state_dict().items()}, assign=True
    ),
    "a layer like the one before": lambda c: setattr(c, "norm", nn.LayerNorm(4)),
}


@pytest.mark.parametrize("name", ALIKE)
def test_what_is_alike_has_the_same_key(cell, name):
    before = Guard(cell).key()
    ALIKE[name](cell)
    assert set(Guard(cell).key()) == set(before)
    assert hash(frozenset(Guard(cell).key())) == hash(frozenset(before))


def test_a_copy_has_the_same_key_and_roots_of_its_own(cell):
    other = copy.deepcopy(cell)
    assert Guard(other).key() == Guard(cell).key()
    assert roots_of(other)["recur.weight"] is other.recur.weight


def test_two_parametrized_copies_have_the_same_key(cell):
    other = copy.deepcopy(cell)
    for one in (cell, other):
        parametrize.register_parametrization(one.recur, "weight", Skew())
    assert Guard(cell).key() == Guard(other).key()
    assert "recur.parametrizations.weight.original" in roots_of(cell)


def test_functional_call_is_seen_and_its_tensors_are_read():
    class Asks(nn.Module):
        def __init__(self, cell):
            super().__init__()
            self.cell = cell

        def forward(self, guard):
            return guard.holds(), roots_of(self.cell), Guard(self.cell).key()

    cell = Own()
    guard, given = Guard(cell), {f"cell.{n}": torch.randn_like(p) for n, p in cell.named_parameters()}
    holds, roots, key = functional_call(Asks(cell), given, (guard,))
    assert not holds
    assert all(roots[n.removeprefix("cell.")] is value for n, value in given.items())
    assert key != guard.key()  # the values given are no trained parameters
    assert guard.holds()


def test_roots_have_the_names_that_parameters_have(cell):
    roots = roots_of(cell)
    assert [n for n in roots if n in dict(cell.named_parameters())] == [n for n, _ in cell.named_parameters()]
    assert {"mask", "extra.0", "extra.1.deep", "TABLE"} <= set(roots)


def test_a_tied_parameter_is_one_root(cell):
    cell.enter.bias = cell.recur.bias
    guard = Guard(cell)
    assert list(guard.roots()).count("recur.bias") + list(guard.roots()).count("enter.bias") == 1
    assert guard.aliases == {"recur.bias": "enter.bias"}


def test_an_untied_parameter_is_seen(cell):
    cell.enter.bias = cell.recur.bias
    guard = Guard(cell)
    cell.enter.bias = nn.Parameter(cell.recur.bias.detach().clone())
    assert not guard.holds()
    assert Guard(cell).key() != guard.key()


def make_step(W, gain):
    def step(h, x):
        h = h @ W * gain + x @ TABLE.expand(3, 3)
        return h, h

    return step


def test_a_function_is_watched_with_what_it_closes_over(monkeypatch):
    W = torch.eye(3)
    step = make_step(W, 1.0)
    guard = Guard(step)
    assert {name: id(value) for name, value in roots_of(step).items()} == {"W": id(W), "TABLE": id(TABLE)}
    assert guard.holds()
    assert Guard(make_step(torch.ones(3, 3), 1.0)).key() == guard.key()
    assert Guard(make_step(torch.ones(3, 3), 2.0)).key() != guard.key()
    step.__closure__[1].cell_contents = 3.0
    assert not guard.holds()


def test_a_partial_a_method_and_defaults_are_watched():
    W, holder = torch.eye(3), SimpleNamespace(U=torch.ones(3))

    def step(h, x, weight, scale=1.0, bias=W):
        return h @ weight * scale + bias, h

    bound = partial(step, weight=torch.ones(3, 3), scale=2.0)
    assert {tuple(v.shape) for v in roots_of(bound).values()} == {(3, 3)}
    assert len(roots_of(bound)) == 2
    assert Guard(partial(step, weight=torch.ones(3, 3), scale=3.0)).key() != Guard(bound).key()

    class Machine:
        def __init__(self):
            self.W, self.gain = W, 1.0

        def step(self, h, x):
            return h @ self.W * self.gain + holder.U, h

    machine = Machine()
    guard = Guard(machine.step)
    assert guard.roots()["W"] is W
    machine.gain = 2.0
    assert not guard.holds()
    assert Guard(machine.step).key() != guard.key()


def test_a_method_of_a_cell_is_watched(cell):
    guard = Guard(cell.step)
    assert "recur.weight" in guard.roots()
    cell.gain = 5.0
    assert not guard.holds()


def test_a_guard_keeps_no_cell_alive():
    cell = es.cells.LSTM(2, 3)
    guard, gone = Guard(cell), weakref.ref(cell)
    del cell
    gc.collect()
    assert gone() is None
    assert not guard.holds()


def test_a_subclass_that_overrides_a_step_differs_from_its_parent():
    class Other(es.cells.LSTM):
        def step(self, state, x):
            return state, x

    assert Guard(Other(3, 3)).key() != Guard(es.cells.LSTM(3, 3)).key()


def test_a_lazy_layer_is_left_alone():
    cell = Own()
    cell.enter = nn.LazyLinear(4)
    with pytest.raises(TraceError) as caught:
        Guard(cell)
    assert str(caught.value) == (
        "enter.weight has no shape yet; a lazy layer takes it from its first call: make that one with "
        'engine="reference".'
    )
    assert cell.enter.has_uninitialized_params()


def test_tensors_in_a_set_are_roots():
    cell, one = Own(), torch.ones(2)
    cell.kept = {one}
    assert any(value is one for value in roots_of(cell).values())


def of_a_library(function):
    """A function as a library has it: one that is not looked into."""
    function.__module__ = "torch.somewhere"
    return function


def test_steps_of_a_library_are_told_apart():
    """Found by running the examples of docstrings in one process: one answered for another."""
    steps = [of_a_library(lambda s, x: (s, 2 * x)), of_a_library(lambda s, x: (s, 3 * x))]
    steps += [
        partial(steps[0]),
        partial(steps[1]),
        partial(torch.ops.aten.add.Tensor),
        partial(torch.ops.aten.mul.Tensor),
    ]
    steps += [partial(torch.add), partial(torch.mul), partial(np.add), torch.add, torch.ops.aten.add.Tensor]
    keys = [Guard(step).key() for step in steps]
    assert len(set(keys)) == len(keys)


def test_one_step_of_a_library_never_answers_for_another():
    x, s = torch.ones(2, 1, 1), torch.zeros(1, 1)
    twice, thrice = of_a_library(lambda s, x: (s, 2 * x)), of_a_library(lambda s, x: (s, 3 * x))
    answers = [es.unroll(step, x, s, engine="llvm").y.sum().item() for step in (twice, thrice)]
    assert answers == [4.0, 6.0]


def test_two_made_by_one_decorator_of_a_library_are_told_apart():
    def scaled(k):
        return of_a_library(lambda s, x: (s, k * x))

    assert Guard(scaled(2)).key() != Guard(scaled(3)).key()
