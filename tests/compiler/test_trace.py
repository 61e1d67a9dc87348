"""Steps as people write them are traced whole; what can't be compiled is refused by line, operation and mend."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

import everystep as es
from agreement import check_same, gradients
from compiler.tracing import H, check_step, made_roots, random_leaves, traced
from everystep.cells import CELLS
from everystep.compiler.guards import roots_of
from everystep.compiler.interpret import interpret
from everystep.compiler.ir import Leaf
from everystep.compiler.trace import TABLE, Asked, TraceError, trace
from everystep.engines import Stepper

HERE = "test_trace.py"


class State(NamedTuple):
    h: Tensor


class Own(es.Cell[State]):
    """What the cells below share: a state of one part, sizes (3, 6)."""

    State = State

    def __init__(self, input_size=3, hidden_size=6):
        super().__init__(input_size, hidden_size, h=hidden_size)


class LayerNormLSTM(es.Cell[es.cells.lstm.LSTMState]):
    State = es.cells.lstm.LSTMState

    def __init__(self, input_size=3, hidden_size=6):
        super().__init__(input_size, hidden_size, h=hidden_size, c=hidden_size)
        self.enter = nn.Linear(input_size, 4 * hidden_size, bias=False)
        self.recur = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.norms = nn.ModuleList([nn.LayerNorm(4 * hidden_size), nn.LayerNorm(4 * hidden_size)])
        self.norm = nn.LayerNorm(hidden_size)

    def step(self, state, x):
        i, f, g, o = (self.norms[0](self.enter(x)) + self.norms[1](self.recur(state.h))).chunk(4, -1)
        c = torch.sigmoid(f) * state.c + torch.sigmoid(i) * torch.tanh(g)
        h = es.tap("output", torch.sigmoid(o)) * torch.tanh(self.norm(c))
        return self.State(h, c), h


class Peephole(LayerNormLSTM):
    def __init__(self):
        super().__init__()
        self.peep = nn.Parameter(torch.randn(3, 6))

    def step(self, state, x):
        i, f, g, o = (self.enter(x) + self.recur(state.h)).chunk(4, -1)
        i, f = torch.sigmoid(i + self.peep[0] * state.c), torch.sigmoid(f + self.peep[1] * state.c)
        c = f * state.c + i * torch.tanh(g)
        h = torch.sigmoid(o + self.peep[2] * c) * torch.tanh(c)
        return self.State(h, c), h


class MinGRU(Own):
    def __init__(self):
        super().__init__()
        self.gate, self.candidate = nn.Linear(3, 6), nn.Linear(3, 6)

    def step(self, state, x):
        z = torch.sigmoid(self.gate(x))
        h = torch.lerp(state.h, self.candidate(x), z)
        return State(h), h


class Heads(Own):
    def __init__(self):
        super().__init__()
        self.blocks = nn.Parameter(torch.randn(3, 2, 2) * 0.3)
        self.enter = nn.Sequential(nn.Linear(3, 8), nn.GELU(), nn.Linear(8, 6))

    def step(self, state, x):
        h = state.h.view(-1, 3, 2)
        h = torch.einsum("bhi,hij->bhj", h, self.blocks) + self.enter(x).view(-1, 3, 2)
        h = F.normalize(h, dim=-1).flatten(1)
        return State(h), h


class Normed(Own):
    """A weight behind two parametrizations, and one that is tied."""

    def __init__(self):
        super().__init__()
        self.recur = nn.utils.parametrizations.weight_norm(nn.Linear(6, 6))
        self.enter = nn.Linear(3, 6)
        self.again = self.enter

    def step(self, state, x):
        h = torch.tanh(self.recur(state.h) + self.enter(x) * self.again(x))
        return State(h), h


class Matrix(es.Cell[State]):
    """A state with two axes: a memory that is written by outer products and read by a query."""

    State = State

    def __init__(self):
        super().__init__(3, 4, h=(4, 4))
        self.key, self.value, self.query = (nn.Linear(3, 4) for _ in range(3))

    def step(self, state, x):
        h = 0.9 * state.h + torch.einsum("bi,bj->bij", self.value(x), self.key(x))
        return State(h), torch.einsum("bij,bj->bi", h, self.query(x))


CASES = {
    **{name: lambda make=make: make(3, 6) for name, make in CELLS.items()},
    "layer_norm_lstm": LayerNormLSTM, "peephole": Peephole, "min_gru": MinGRU, "heads": Heads, "normed": Normed,
    "matrix": Matrix,
}  # fmt: skip


def traced_cell(cell, dtype=torch.float64, inputs=3):
    state = cell.initial_state(1, torch.zeros((), dtype=dtype))
    stepper = Stepper(cell, state)
    asked = Asked(
        {n: tuple(p.shape[1:]) for n, p in zip(stepper.part_names, state, strict=True)},
        {"x": ((inputs,), dtype)}, {}, dtype,
    )  # fmt: skip
    return trace(lambda parts, streams, context, rows: stepper.heard(parts, streams["x"]), asked, roots_of(cell))


@pytest.mark.parametrize("name", CASES)
def test_a_traced_cell_is_the_cell(name):
    torch.manual_seed(0)
    cell = CASES[name]().double()
    found = traced_cell(cell)
    state = [torch.randn(4, *found.shapes[f"state:{n}"], dtype=torch.float64) for n in cell.State._fields]
    leaves = {Leaf("state", n): v.requires_grad_() for n, v in zip(cell.State._fields, state, strict=True)}
    leaves[Leaf("x", "x")] = torch.randn(4, 3, dtype=torch.float64).requires_grad_()
    after, y, taps = Stepper(cell, cell.State(*state)).heard(tuple(state), leaves[Leaf("x", "x")])
    right = {f"state:{n}": p for n, p in zip(cell.State._fields, after, strict=True)} | {"y": y}
    right |= {f"tap:{n}": v for n, v in taps.items()}
    got = interpret(found.graph, {k: v.flatten(1) for k, v in leaves.items()}, found.prepare(roots_of(cell)))
    got = {n: v.reshape(right[n].shape) for n, v in got.items()}
    wanted = {f"{k.kind} {k.name}": v for k, v in leaves.items()} | dict(cell.named_parameters())
    check_same(got | gradients(got, wanted), right | gradients(right, wanted))


def test_outputs_come_in_order_and_keep_their_shapes():
    found = traced_cell(CELLS["lstm"](3, 6).double())
    assert list(found.shapes.items()) == [
        (name, (6,)) for name in ("state:h", "state:c", "y", "tap:input", "tap:forget", "tap:candidate", "tap:output")
    ]


def test_a_value_knows_its_line():
    lines = {n.where for n in traced_cell(CELLS["lstm"](3, 6).double()).graph.nodes() if n.op == "tanh"}
    assert all(line.startswith("lstm.py:") for line in lines)
    assert len(lines) == 2


def test_weights_are_looked_at_where_they_lie():
    found = traced_cell(CELLS["gru"](3, 6).double())
    views = {v for n in found.graph.nodes() if n.op == "affine" for v in n.attribute}
    assert {str(v) for v in views} == {"W[0+1+6: 6x12]", "U[0+1+3: 3x18]", "W[72+1+6: 6x6]"}
    assert list(found.roots) == ["W", "U", "b", "d"]


def test_nothing_is_prepared_where_parameters_are_used_as_they_are():
    cell = CELLS["lstm"](3, 6)
    found = traced_cell(cell.double())
    assert found.prepare(roots_of(cell)) == {"U": cell.U, "b": cell.b, "W": cell.W}


def test_what_depends_on_parameters_alone_is_prepared_under_autograd():
    cell = Normed().double()
    found = traced_cell(cell)
    prepared = found.prepare(roots_of(cell))
    (name,) = [n for n in prepared if n.startswith("prepared")]
    torch.testing.assert_close(prepared[name], cell.recur.weight, rtol=0, atol=0)
    prepared[name].sum().backward()
    assert cell.recur.parametrizations.weight.original0.grad is not None
    assert "recur.parametrizations.weight.original1" in found.roots


def test_a_root_that_is_not_read_is_not_named():
    assert "W" not in traced(lambda h, x, p: h * p.b).roots


def test_what_the_caller_switched_off_changes_nothing():
    cell = CELLS["lstm"](3, 6).double()
    plain = [repr(n) for n in traced_cell(cell).graph.nodes()]
    with torch.no_grad():
        assert [repr(n) for n in traced_cell(cell).graph.nodes()] == plain
    with torch.inference_mode():
        assert [repr(n) for n in traced_cell(cell).graph.nodes()] == plain
    with torch.autocast("cpu", torch.bfloat16):
        assert [repr(n) for n in traced_cell(cell).graph.nodes()] == plain


def test_no_random_number_is_drawn():
    cell = CELLS["lstm"](3, 6).double()
    before = torch.get_rng_state()
    traced_cell(cell)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_context_stays_with_its_row():
    check_step(lambda h, x, p, c: h * c + torch.tanh(c).sum(-1, keepdim=True), context={"c": (H,)})
    check_step(lambda h, x, p, c: h @ p.W + torch.einsum("sbn,bn->bs", c, h).sum(-1, keepdim=True),
               context={"c": (5, None, H)})  # fmt: skip


def test_attention_over_a_context_is_traced():
    def step(h, x, p, memory):  # memory (source, batch, n)
        scores = torch.einsum("sbn,bn->bs", memory, h @ p.W)
        return torch.einsum("bs,sbn->bn", scores.softmax(-1), memory)

    check_step(step, context={"memory": (5, None, H)})


def test_bool_features_of_x_are_truths():
    graph = traced(lambda h, x, p: torch.where(x[:, :1], h, -h), x_dtype=torch.bool).graph
    assert [n.truth for n in graph.nodes() if n.op == "leaf" and n.attribute.kind == "x"] == [True]


@given(st.lists(st.sampled_from(["view", "t", "flip", "chunk", "head", "double", "expand"]), max_size=8))
@settings(max_examples=60, deadline=None)
def test_any_chain_of_views_keeps_every_feature_in_its_place(chain):
    def step(h, x, p):
        a = h.view(-1, 3, 2)
        for name in chain:
            a = VIEWS[name](a)
        return (a * a).transpose(0, list(a.shape).index(h.shape[0])).reshape(h.shape[0], -1)

    check_step(step)


VIEWS = {
    "view": lambda a: a.reshape(-1, a.shape[2]).reshape(a.shape),
    "t": lambda a: a.transpose(1, 2),
    "flip": lambda a: a.flip(1),
    "chunk": lambda a: torch.cat(a.chunk(2, 2)[::-1], 2),
    "head": lambda a: a[:, 1:] if a.shape[1] > 1 else a,
    "double": lambda a: torch.cat([a, a * 2], 1) if a.shape[1] < 8 else a,
    "expand": lambda a: (
        a.unsqueeze(1).expand(-1, 2, -1, -1).reshape(a.shape[0], -1, a.shape[2]) if a.shape[1] < 8 else a
    ),
}


UNARY = (
    torch.tanh, torch.sigmoid, torch.sin, F.softplus, F.gelu, F.silu, F.elu, lambda a: a.softmax(-1), lambda a: a * 0.5,
    lambda a: F.layer_norm(a, a.shape[-1:]), lambda a: a - a.mean(-1, keepdim=True), lambda a: a.clone().mul_(0.7),
    lambda a: a.flip(-1), lambda a: a.detach() * a, lambda a: torch.cat(a.split(2, -1)[::-1], -1),
    lambda a: a.unsqueeze(1).expand(-1, 3, -1).amax(1), lambda a: a.roll(1, -1),
    lambda a: F.normalize(a, dim=-1, eps=0.1),
)  # fmt: skip
BINARY = (
    torch.add, torch.sub, torch.mul, torch.maximum, torch.minimum, lambda a, b: torch.where(a < b, a, b * 2),
    lambda a, b: a / (1 + b * b), lambda a, b: torch.lerp(a, b, 0.3), lambda a, b: torch.stack([a, b], -1).prod(-1),
    lambda a, b: torch.einsum("bi,bj->bij", a, b).sum(1), lambda a, b: torch.cat([a, b], -1)[:, ::2],
    lambda a, b: torch.addcmul(a, b, b),
)  # fmt: skip
steps = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=10)


@given(plan=steps, size=st.sampled_from([1, 2, 3, 5, 6]))
@settings(max_examples=80, deadline=None)
def test_a_random_step_is_traced_as_it_is(plan, size):
    def step(h, x, p):
        made = [h[:, :size], F.linear(h, p.W[:size], p.b[:size]), x @ p.U.t()[:, -size:]]
        for which, one, other in plan:
            a, b = made[one % len(made)], made[other % len(made)]
            kind = which % (len(UNARY) + len(BINARY) + 1)
            if kind < len(UNARY):
                made.append(UNARY[kind](a))
            elif kind < len(UNARY) + len(BINARY):
                made.append(BINARY[kind - len(UNARY)](a, b))
            else:
                made.append(torch.tanh(a @ p.W[:size, :size] + p.d[:1]))
        return torch.cat(made, -1)

    check_step(step, tolerance=1e-9)  # sums over several operations, each with its own rounding


def refused(step, **arguments):
    with pytest.raises(TraceError) as caught:
        traced(step, **arguments)
    return str(caught.value)


def test_random_numbers_are_refused():
    assert refused(lambda h, x, p: F.dropout(h)) == (
        f"{HERE}:{line_of(test_random_numbers_are_refused, 1)}: bernoulli draws random numbers in every step; draw a "
        'mask once for the whole sequence and pass it as context, or engine="reference" runs the step as it is.'
    )
    roots = made_roots()
    before = torch.get_rng_state()
    assert "rand draws random" in refused(lambda h, x, p: h + torch.rand(h.shape), roots=roots)
    assert "randn_like draws random" in refused(lambda h, x, p: h + torch.randn_like(h), roots=roots)
    assert torch.equal(torch.get_rng_state(), before)


def line_of(function, offset):
    return function.__code__.co_firstlineno + offset


def test_dropout_that_is_off_is_traced():
    check_step(lambda h, x, p: F.dropout(h, training=False))


@pytest.mark.parametrize(
    "step",
    [
        lambda h, x, p: h - h.mean(0),
        lambda h, x, p: h.sum() + h,
        lambda h, x, p: h.softmax(0),
        lambda h, x, p: h / h.norm(),
        lambda h, x, p: h.flip(0),
        lambda h, x, p: h[:1] + h,
        lambda h, x, p: h[0] + h,
        lambda h, x, p: h @ h.t() @ h,
        lambda h, x, p: torch.cat([h, h])[: len(h)],
        lambda h, x, p: h + torch.stack(list(h.unbind(0))),
        lambda h, x, p: h.amax(0) + h,
        lambda h, x, p: h.roll(1, 0),
        lambda h, x, p: h.max() + h,
        lambda h, x, p: h.unsqueeze(1) - h.unsqueeze(0),
    ],
)
def test_mixing_the_rows_of_a_batch_is_refused(step):
    message = refused(step)
    assert message.startswith(f"{HERE}:")
    assert message.endswith('engine="reference" runs the step as it is.')
    assert "rows" in message


def test_batch_normalisation_is_refused_before_it_writes():
    norm = nn.BatchNorm1d(H).double()
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    roots = made_roots() | {f"norm.{name}": value for name, value in norm.state_dict(keep_vars=True).items()}
    assert refused(lambda h, x, p: norm(h), roots=roots).split(": ", 1)[1] == (
        "batch normalisation mixes the rows of a batch and writes running means; use nn.LayerNorm, or "
        'engine="reference" runs the step as it is.'
    )
    assert all(torch.equal(before[name], value) for name, value in norm.state_dict().items())
    assert "batch normalisation" in refused(lambda h, x, p: F.batch_norm(h, None, None, training=True))


@pytest.mark.parametrize(
    "step",
    [
        lambda h, x, p: h if h[0, 0] > 0 else -h,
        lambda h, x, p: h * h.mean().item(),
        lambda h, x, p: h * float(p.a),
        lambda h, x, p: h * int((h > 0).sum()),
        lambda h, x, p: h if torch.equal(h, h) else x,
    ],
)
def test_a_value_read_into_python_is_refused(step):
    assert refused(step).split(": ", 1)[1] == (
        "the value of a tensor is read into Python (an if, a while, .item(), float()); choose with torch.where, "
        'which compiles, or engine="reference" runs the step as it is.'
    )


def test_a_shape_that_depends_on_values_is_refused():
    assert "the shape that nonzero gives depends on values" in refused(lambda h, x, p: h[torch.nonzero(h)[:, 0]])
    assert "masked_select" in refused(lambda h, x, p: torch.masked_select(h, h > 0))


def test_a_tensor_from_elsewhere_is_refused():
    elsewhere = torch.ones(H, dtype=torch.float64)
    assert refused(lambda h, x, p: h * elsewhere).split(": ", 1)[1] == (
        "mul uses a tensor of shape (6,) that is neither the cell's nor made in the step; register it as a buffer, or "
        'engine="reference" runs the step as it is.'
    )


def test_writing_to_what_the_step_was_given_is_refused():
    roots = made_roots()
    before = roots["fixed"].clone()
    mend = 'a step writes nothing that it was given: work on a copy, or engine="reference" runs the step as it is.'
    assert refused(lambda h, x, p: h.add_(1)).split(": ", 1)[1] == f"add_ writes to the state's h; {mend}"
    assert refused(lambda h, x, p: _set(x)).split(": ", 1)[1] == f"fill_ writes to x; {mend}"
    assert (
        refused(lambda h, x, p: h + p.fixed.mul_(2), roots=roots).split(": ", 1)[1] == f"mul_ writes to fixed; {mend}"
    )
    assert refused(lambda h, x, p: h + p.fixed[1:].zero_().sum(), roots=roots).split(": ", 1)[1] == (
        f"zero_ writes to fixed; {mend}"
    )
    assert torch.equal(roots["fixed"], before)


def _set(x):
    x[:, 0] = 1
    return x


def test_other_kinds_of_numbers_are_refused():
    assert "gives complex128; the step is compiled in float64" in refused(lambda h, x, p: h.to(torch.complex128).real)
    assert "_to_copy gives float32; the step is compiled in float64" in refused(lambda h, x, p: h.float().double())
    assert "_to_copy gives int64" in refused(lambda h, x, p: h.long() + h)
    assert refused(lambda h, x, p: h, x_dtype=torch.int64) == (
        "x x is int64; only floating numbers and bool are compiled. Pass x.to(torch.float32)."
    )


def test_an_unknown_operation_is_refused():
    assert refused(lambda h, x, p: torch.special.i0(h)).split(": ", 1)[1] == (
        "aten.i0 is not known to the compiler; write it with operations that are, or "
        'engine="reference" runs the step as it is.'
    )


def test_a_step_that_counts_its_rows_is_refused():
    assert "div uses the number of rows" in refused(lambda h, x, p: h / len(h))
    assert "does something else for" in refused(lambda h, x, p: h.exp() if len(h) > 8 else h.tanh())
    assert "does something else for" in refused(lambda h, x, p: h.exp().tanh() if len(h) > 8 else h.tanh())


def test_an_error_of_the_step_is_told_as_such():
    def step(h, x, p):
        raise ValueError("batches of 32 only")

    assert refused(step) == (
        "the step raised ValueError when it was tried on a few rows (batches of 32 only); if it works on your batch, "
        'engine="reference" runs it as it is.'
    )


def test_an_operation_used_in_an_unexpected_way_is_refused_not_crashed_on(monkeypatch):
    monkeypatch.setitem(TABLE, "sin", lambda low, value: {}["axis"])
    assert refused(lambda h, x, p: h.sin()).split(": ", 1)[1] == (
        "sin is used in a way that the compiler does not know (KeyError: 'axis'); write it otherwise, or "
        'engine="reference" runs the step as it is.'
    )


@pytest.mark.filterwarnings("ignore:Sparse")
def test_a_sparse_parameter_is_refused_where_it_is_used():
    roots = made_roots() | {"sparse": torch.eye(H, dtype=torch.float64).to_sparse()}
    check_step(lambda h, x, p: h * p.b)
    assert refused(lambda h, x, p: torch.sparse.mm(p.sparse, h.t()).t(), roots=roots)


def test_largest_with_its_place_is_refused_in_favour_of_amax():
    assert "max gives places as well as values; use amax" in refused(lambda h, x, p: h.max(-1).values)


def test_the_batch_stays_the_first_axis_of_what_comes_out():
    assert refused(lambda h, x, p: h.t()) == "tap:v does not have the batch as its first axis."


def test_too_much_is_refused():
    assert "products" in refused(lambda h, x, p: (h.repeat(1, 200).unsqueeze(-1) @ p.b[None]).flatten(1))
    assert "features a row" in refused(lambda h, x, p: h[:, :1].expand(-1, 70000) * 1)
    assert "rearranged in" in refused(
        lambda h, x, p: h.repeat(1, 2000).view(-1, 2000, 6).transpose(1, 2).flatten(1) * 2
    )


def test_values_under_no_grad_carry_no_gradient():
    def step(h, x, p):
        with torch.no_grad():
            scale = h.abs().amax(-1, keepdim=True)
        return h / scale

    assert check_step(step).graph.nodes()
    check_step(lambda h, x, p: h * h.detach() + h.data)


def test_a_write_under_no_grad_passes_the_gradient_as_autograd_does():
    def step(h, x, p):
        a = h * 2
        with torch.no_grad():
            a.clamp_(-0.5, 0.5)
        return a * h

    check_step(step)


def test_leaves_of_random_steps_are_random():
    assert set(random_leaves()) == {Leaf("state", "h"), Leaf("x", "x")}


def test_a_context_may_hold_truths():
    def call(parts, streams, context, rows):
        h = torch.where(context["used"], parts[0] + streams["x"], parts[0])
        return (h,), h, {}

    kinds = {"used": ((4,), torch.bool)}
    graph = trace(call, Asked({"h": (4,)}, {"x": ((4,), torch.float32)}, kinds, torch.float32), {}).graph
    assert [n.truth for n in graph.nodes() if n.op == "leaf" and n.attribute == Leaf("row", "used")] == [True]


def test_states_without_features_of_their_own_and_no_features_at_all():
    def call(parts, streams, context, rows):
        count, empty = parts
        count = count + streams["x"]
        return (count, empty), torch.cat([empty, streams["none"]], -1), {"count": count}

    asked = Asked(
        {"count": (), "empty": (0,)}, {"x": ((), torch.float64), "none": ((0,), torch.float64)}, {}, torch.float64
    )
    found = trace(call, asked, {})
    assert found.shapes == {"state:count": (), "state:empty": (0,), "y": (0,), "tap:count": ()}
    ones = {Leaf("state", "count"): torch.ones(3, 1), Leaf("x", "x"): torch.ones(3, 1)}
    none = {Leaf("state", "empty"): torch.ones(3, 0), Leaf("x", "none"): torch.ones(3, 0)}
    got = interpret(found.graph, ones | none, {})
    assert got["tap:count"].tolist() == [[2.0]] * 3
    assert got["y"].shape == (3, 0)


def test_a_system_without_input_is_traced():
    cell = es.cells.LinearSystem(0, 3, 2).double()
    found = traced_cell(cell, inputs=0)
    s = torch.randn(4, 3, dtype=torch.float64)
    leaves = {Leaf("state", "s"): s, Leaf("x", "x"): s[:, :0]}
    got = interpret(found.graph, leaves, found.prepare(roots_of(cell)))
    torch.testing.assert_close(got["y"], (s @ cell.W.T + cell.b) @ cell.V.T + cell.c)


def test_no_outputs_at_all_is_traced():
    cell = es.cells.LinearSystem(2, 3, 0).double()
    assert traced_cell(cell, inputs=2).shapes["y"] == (0,)
