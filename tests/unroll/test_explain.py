"""What explain says is what runs: its formulas are executed here, and its plans are those that ran."""

from __future__ import annotations

import re
import warnings
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from compiler.layernorm_lstm import LayerNormLSTM
from everystep.cell import Cell
from everystep.cells import CELLS, LSTM, LinearSystem
from everystep.compiler.naming import gradient_name
from everystep.engines.llvm import explaining
from everystep.engines.llvm.finding import find
from everystep.engines.llvm.programs import Program
from everystep.errors import ArgumentError, EngineError, FallbackWarning, UnknownNameError
from everystep.unroll import explain, unroll, use_engine

MAKERS = {**CELLS, "layers": LayerNormLSTM}  # a cell whose parameters are in modules of its own
# float64, where rounding stays below 1e-12 for values of about 1; the rest is room for sums in another order
TOLERANCE = {"rtol": 0, "atol": 1e-10}

FUNCTIONS = {
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "rsqrt": torch.rsqrt, "sum": torch.sum,
    "number": Tensor.double, "where": torch.where, "sign": torch.sign, "abs": torch.abs, "exp": torch.exp,
    "log1p": torch.log1p, "maximum": torch.maximum, "minimum": lambda a, b: torch.clamp(a, max=b),
    "cat": lambda *parts: torch.cat(parts),
}  # fmt: skip


def formulas(loop):
    """The lines ``name = how`` of pseudo-code, in order; and what is carried under another name."""
    text = re.sub(r"\n +\+ ", " + ", re.sub(r" +\w+\.py:\d+", "", loop))
    text = re.sub(r"^ *(carry|put out and carry|put out): ", "", text, flags=re.MULTILINE)
    for piece in re.findall(r"^ *(\w+\[\d+:\d+\]) = ", text, re.MULTILINE):
        text = text.replace(piece, plain(piece))
    return re.findall(r"^ *([\w']+) = (.*)$", text, re.MULTILINE)


def plain(piece):
    """A piece of a value that was named as a whole, ``gates[0:5]``, as a name."""
    return re.sub(r"\W", "_", piece) if "[" in piece else piece


def python(text):
    return text.replace("'", "_after").replace("prepared.", "prepared_")


def execute(loop, values):
    """Run pseudo-code on one row, as Python."""
    for name, how in formulas(loop):
        values[python(name)] = eval(python(how), dict(FUNCTIONS), values)
    return values


def example(cell):
    """A row of x and of every part of the state."""
    generator = torch.Generator().manual_seed(0)
    state = cell.initial_state(1, torch.zeros(0, dtype=torch.float64))
    parts = [torch.randn(part.shape, generator=generator, dtype=torch.float64).requires_grad_() for part in state]
    return torch.randn(1, cell.input_size, generator=generator, dtype=torch.float64), type(state)(*parts)


def explained(cell, monkeypatch):
    """What is explained, and the parameters with what is prepared from them."""
    found = []
    monkeypatch.setattr(explaining, "find", lambda job: found.append(find(job)) or found[-1])
    return explain(cell), found[-1].roots


def environment(cell, roots, x, state):
    names = {name: value.detach()[0] for name, value in state._asdict().items()}
    prepared = {python(name): value for name, value in roots.items() if name.startswith("prepared.")}
    own = {**dict(cell.named_children()), **dict(cell.named_parameters(recurse=False))}
    return {**own, **prepared, **names, "x": x[0]}


@pytest.mark.parametrize(("name", "input_size"), [*((name, 3) for name in MAKERS), ("lstm", 131), ("gru", 131)])
def test_the_formulas_compute_the_step(name, input_size, monkeypatch):
    cell = MAKERS[name](input_size, 5).double()
    x, state = example(cell)
    found, roots = explained(cell, monkeypatch)
    after, y = cell.step(state, x)
    for loop in (found.step, found.loops["inference"], found.loops["training"]):
        values = execute(loop, environment(cell, roots, x, state))
        torch.testing.assert_close(values["y"], y[0].detach(), **TOLERANCE)
        for part, value in after._asdict().items():
            torch.testing.assert_close(values[f"{part}_after"], value[0].detach(), **TOLERANCE)


@pytest.mark.parametrize("name", MAKERS)
def test_the_formulas_of_the_backward_loop_compute_the_gradients(name, monkeypatch):
    cell = MAKERS[name](3, 5).double()
    x, state = example(cell)
    found, roots = explained(cell, monkeypatch)
    after, y = cell.step(state, x)
    later = [torch.randn_like(part) for part in after]
    of_y = torch.randn_like(y)
    values = execute(found.loops["training"], environment(cell, roots, x, state))
    values |= environment(cell, roots, x, state)  # where a part is called y, which is put out as well
    own = {f"{gradient_name(part)}_later": g[0] for part, g in zip(after._fields, later, strict=True)}
    out = "dy_out" if "y" in after._fields else "dy"
    values = execute(found.loops["backward"].partition("weight gradients")[0], values | own | {out: of_y[0]})
    parameters = dict(cell.named_parameters())
    right = torch.autograd.grad([*after, y], [*state, *parameters.values()], [*later, of_y])
    for part, gradient in zip(after._fields, right, strict=False):
        torch.testing.assert_close(values[gradient_name(part)], gradient[0], **TOLERANCE)
    sums = weight_gradients(found, values, roots)
    whole = torch.autograd.grad(list(roots.values()), list(parameters.values()), [sums[name] for name in roots])
    for got, gradient in zip(whole, right[len(state) :], strict=True):
        torch.testing.assert_close(got, gradient, **TOLERANCE)


def weight_gradients(found, values, roots):
    """Add up what is said of weight gradients, for the one row that there is."""
    sums = {name: torch.zeros_like(value) for name, value in roots.items()}
    for line in found.deferred:
        target, gradient = re.fullmatch(r"d(.*?) \+= (?:sum of )?(.*)", line).groups()
        name, block = re.fullmatch(r"([\w.]+?)(\[.*\])?(?:\.T)?", target).groups()
        value, _, pieces = gradient.rpartition(".T @ ")
        joined = torch.cat(
            [torch.atleast_1d(values[python(plain(piece))]) for piece in re.findall(r"[\w']+(?:\[\d+:\d+\])?", pieces)]
        )
        product = torch.outer(joined, values[python(plain(value))]) if value else joined
        eval(f"total{block or '[:]'}", {"total": sums[name]}).add_(product)
    return sums


def ran(monkeypatch, call):
    """The plans of the programs that run in a call."""
    plans, frame = [], Program.frame

    def recorded(program, span):
        plans.append(program.plan)
        return frame(program, span)

    monkeypatch.setattr(Program, "frame", recorded)
    call()
    return plans


@pytest.mark.parametrize("name", CELLS)
def test_the_plans_are_those_that_run(name, monkeypatch):
    cell = CELLS[name](3, 5)
    found = explain(cell)
    out = []
    plans = ran(monkeypatch, lambda: out.append(unroll(cell, torch.ones(4, 2, 3))))
    out[0].y.sum().backward()
    assert out[0].engine == found.engine == "llvm"
    assert [id(plan) for plan in plans] == [id(found.plans["training"]), id(found.plans["backward"])]
    with torch.no_grad():
        plans = ran(monkeypatch, lambda: unroll(cell, torch.ones(4, 2, 3), lengths=[4, 3]))
    assert plans[0] is found.plans["inference"]


def test_the_plans_of_a_call_with_resets_and_records_are_those_that_run(monkeypatch):
    cell, x = LSTM(3, 5), torch.ones(4, 2, 3, requires_grad=True)
    more = {"resets": torch.zeros(4, 2, dtype=torch.bool), "record": ["forget", "c"]}
    more["forced"] = {"h": (torch.zeros(4, 2, 5), torch.zeros(4, 2, dtype=torch.bool))}
    found = explain(cell, x=x, **more)
    plans = ran(monkeypatch, lambda: unroll(cell, x, **more).y.sum().backward())
    assert [id(plan) for plan in plans] == [id(found.plans["training"]), id(found.plans["backward"])]
    assert "h = where(reset, initial_h, h)" in found.loops["training"]
    assert "h = where(forced_h, given_h, h)" in found.loops["training"]
    assert "dx = " in found.loops["backward"]


def test_the_bytes_kept_are_those_that_training_stores():
    cell = LSTM(3, 5)
    found = explain(cell)
    x = torch.ones(8, 2, 3)  # 8 * 2 numbers fill a line of the cache, to whose multiples all that is kept is aligned
    launch = unroll(cell, x).y.grad_fn
    (block,) = [value for value in launch.saved_tensors if value.ndim == 2 and len(value) == 1 and value.numel() > 100]
    assert found.kept_bytes * 8 * 2 == block.numel() * 4


def test_what_is_kept_hoisted_sunk_and_redone_is_named():
    found = explain(LSTM(131, 8))
    assert set(found.kept) == {"c'", "input", "forget", "candidate", "output"}
    assert set(found.hoisted) == {f"{gate}_from_x" for gate in ("input", "forget", "candidate", "output")}
    assert found.recomputed == ("tanh(c')",)
    assert found.prepared == found.sunk == ()
    assert explain(LinearSystem(1, 3, 2)).sunk == ("y",)


def test_the_multiply_adds_are_those_of_the_equation():
    costs = explain(LSTM(3, 8)).costs
    products = 4 * 8 * (3 + 8)
    assert costs["inference"].multiply_adds == costs["training"].multiply_adds == products
    assert costs["backward"].multiply_adds == 4 * 8 * 8 + products  # to h, and the gradients of W and U


class Prepared(Cell):
    class State(NamedTuple):
        h: Tensor

    def __init__(self):
        super().__init__(3, 5, h=5)
        self.W = nn.Parameter(torch.ones(5, 5))
        self.scale = nn.Parameter(torch.ones(5))
        self.unused = nn.Parameter(torch.ones(5))

    def step(self, state, x):
        h = state.h @ (self.W * self.scale) + x.sum(-1, keepdim=True)
        return self.State(h), h


def test_what_is_prepared_tells_from_which_parameters():
    (prepared,) = explain(Prepared()).prepared
    assert re.fullmatch(r"prepared\.0 \(5 x 5\) from (W, scale|scale, W)", prepared)


class Dropping(LSTM):
    def step(self, state, x):
        after, y = super().step(state, x)
        return after, torch.dropout(y, 0.5, train=True)


def test_a_step_that_can_not_be_compiled_is_told_with_line_and_mend_and_is_still_warned_of():
    found = explain(Dropping(3, 5))
    assert found.engine == "reference"
    assert re.search(r"test_explain\.py:\d+: bernoulli draws random numbers", found.why)
    assert "pass it as context" in str(found)
    assert found.plans == {}
    with pytest.warns(FallbackWarning, match="bernoulli"):
        unroll(Dropping(3, 5), torch.ones(4, 2, 3))


def test_explaining_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explain(Dropping(3, 5))


def test_an_engine_that_was_asked_for_is_told():
    assert explain(LSTM(3, 5), engine="reference").engine == "reference"
    with use_engine("reference"):
        found = explain(LSTM(3, 5))
    assert (found.engine, found.why) == ("reference", 'engine="reference" was asked for')
    with pytest.raises(EngineError, match="bernoulli"):
        explain(Dropping(3, 5), engine="llvm")
    with pytest.raises(UnknownNameError, match='did you mean "llvm"'):
        explain(LSTM(3, 5), engine="llvmm")


def leaky(s, x):
    keep = torch.sigmoid(x)
    s = keep * s + (1 - keep) * x
    return s, s


def test_variables_of_a_plain_function_have_their_names():
    found = explain(leaky, x=torch.ones(9, 2, 4), state=torch.zeros(2, 4))
    assert found.recomputed == ("keep",)
    assert "keep = sigmoid(x)" in found.step


def test_a_plain_function_without_x_is_refused():
    with pytest.raises(ArgumentError, match=r"explain: leaky is a plain function .* pass x= and state="):
        explain(leaky)


def test_an_explanation_shows_itself():
    found = explain(LSTM(3, 5))
    assert str(found) == repr(found)
    assert found._repr_html_() == f"<pre>{str(found).replace(chr(39), '&#x27;')}</pre>"
    assert "define" in found.llvm("backward", target="avx2")
    with pytest.raises(UnknownNameError, match='did you mean "training"'):
        found.llvm("trainig")
