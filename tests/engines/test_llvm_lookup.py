"""Which feature is the largest, and rows looked up by that: the compiled loop is the plain one, gradients included."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import everystep as es
from agreement import FLOAT64, check_same, outcome, random_state
from everystep.engines.llvm import programs

STEPS, ROWS, INPUTS, HIDDEN, SYMBOLS, EMBEDDED = 5, 9, 3, 20, 37, 11  # no size is a multiple of a vector
# Float32: some thousand roundings of 6e-8, at random.
ROUGHLY = 1e-4
RAGGED = {"lengths": [5, 3, 0, 1, 5, 4, 2, 5, 3]}


class SpeakerState(NamedTuple):
    """What is carried: a state, and what was said last, embedded."""

    h: Tensor
    said: Tensor


class Speaker(es.Cell[SpeakerState]):
    """A plain recurrence that hears what it said: the likeliest symbol."""

    State = SpeakerState

    def __init__(self, symbols: int = SYMBOLS, embedded: int = EMBEDDED) -> None:
        super().__init__(INPUTS, HIDDEN, h=HIDDEN, said=embedded)
        self.U = nn.Linear(INPUTS + embedded, HIDDEN)
        self.W = nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.V = nn.Linear(HIDDEN, symbols)
        self.E = nn.Parameter(torch.randn(symbols, embedded))

    def updated(self, state: SpeakerState, x: Tensor) -> Tensor:
        """Give the next h."""
        return torch.tanh(self.U(torch.cat([x, state.said], -1)) + self.W(state.h))

    def step(self, state: SpeakerState, x: Tensor) -> tuple[SpeakerState, Tensor]:
        """Take one step and say something."""
        h = self.updated(state, x)
        index = es.tap("index", self.V(h).argmax(-1))
        return SpeakerState(h, self.E[index]), h


class Tied(Speaker):
    """What reads out also embeds, and what is said is dropped in part."""

    def step(self, state: SpeakerState, x: Tensor) -> tuple[SpeakerState, Tensor]:
        """Take one step; both are trained by it."""
        h = self.updated(state, x)
        scores = F.linear(h[:, :EMBEDDED], self.E, self.V.bias)
        return SpeakerState(h, F.embedding(scores.argmax(-1), self.E) * h[:, :EMBEDDED]), scores[:, :HIDDEN]


class Twice(Speaker):
    """Two lookups in one table, one by an index that x alone decides, and one in a part of it."""

    def step(self, state: SpeakerState, x: Tensor) -> tuple[SpeakerState, Tensor]:
        """Take one step."""
        h = self.updated(state, x)
        of_x = es.tap("of x", x.argmin(-1))
        both = self.E[self.V(h).argmax(-1)] + 2 * self.E[of_x]
        return SpeakerState(h, torch.tanh(both)), h * self.E[::2, 3:4][of_x]


class ByColumns(Speaker):
    """A table that lies column by column."""

    def step(self, state: SpeakerState, x: Tensor) -> tuple[SpeakerState, Tensor]:
        """Take one step."""
        h = self.updated(state, x)
        return SpeakerState(h, self.V.weight.T[h.argmax(-1)][:, :EMBEDDED]), self.V(h)[:, :HIDDEN]


class Narrow(Speaker):
    """One feature for each symbol, and a largest feature among equal ones."""

    def __init__(self) -> None:
        super().__init__(embedded=1)

    def step(self, state: SpeakerState, x: Tensor) -> tuple[SpeakerState, Tensor]:
        """Take one step."""
        h = self.updated(state, x)
        index = es.tap("index", torch.relu(self.V(h) - 1).argmax(-1, keepdim=True))  # often the first of many zeros
        return SpeakerState(h, self.E[index].squeeze(1)), h


class Chosen(Speaker):
    """What is told, or what it said itself: the first symbol where neither knows."""

    def step(self, state: SpeakerState, x: Tensor) -> tuple[SpeakerState, Tensor]:
        """Take one step."""
        h = self.updated(state, x)
        index = torch.where(x[:, 0] > 1, 0, self.V(h).argmax(-1))
        said = torch.where((x[:, 1] > 0).unsqueeze(-1), h[:, :EMBEDDED], self.E[index])
        return SpeakerState(h, said), h


KINDS = [Speaker, Tied, Twice, ByColumns, Narrow, Chosen]
EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def made(kind, rows=ROWS, steps=STEPS, dtype=torch.float64):
    torch.manual_seed(0)
    cell = kind().to(dtype)
    return cell, torch.randn(steps, rows, INPUTS, dtype=dtype), random_state(cell, rows, dtype)


def check(cell, x, state, tolerance=FLOAT64, **arguments):
    ours, right = (outcome(cell, x, state, engine=engine, **arguments) for engine in ("llvm", "reference"))
    check_same(ours, right, tolerance)
    for name in (name for name, value in right.items() if value.dtype == torch.int64):
        assert ours[name].dtype == torch.int64


@pytest.mark.parametrize("arguments", [{}, RAGGED], ids=["even", "ragged"])
@EVERY_KIND
def test_values_indices_and_every_gradient_are_those_of_the_plain_loop(kind, arguments):
    check(*made(kind), record="all", **arguments)


@pytest.mark.parametrize("rows", [0, 1, 2, 16])
@pytest.mark.parametrize("kind", [Speaker, Twice], ids=lambda kind: kind.__name__)
def test_any_number_of_rows(kind, rows):
    check(*made(kind, rows), record="all")


class Read(es.Cell[SpeakerState]):
    """A symbol that a wide x decides, and how many it was heard: all but the sum can be done before the loop."""

    State = SpeakerState

    def __init__(self) -> None:
        super().__init__(70, EMBEDDED, h=EMBEDDED, said=1)
        self.U = nn.Linear(70, SYMBOLS)
        self.E = nn.Embedding(SYMBOLS, EMBEDDED, padding_idx=3)

    def step(self, state: SpeakerState, x: Tensor) -> tuple[SpeakerState, Tensor]:
        """Take one step."""
        symbol = self.U(x).argmax(-1)
        h = state.h + self.E(symbol)
        return SpeakerState(h, torch.where((symbol == 3).unsqueeze(-1), 0.0, state.said + 1)), torch.tanh(h)


@pytest.mark.parametrize("arguments", [{}, RAGGED], ids=["even", "ragged"])
def test_what_x_alone_decides_is_looked_up_before_the_loop(arguments):
    torch.manual_seed(0)
    cell = Read().double()
    why = es.explain(cell)
    assert "argmax" in why.loops["training"].split("for every step")[0]
    assert "E.weight[symbol]" in why.loops["training"].split("for every step")[0]
    x = torch.randn(STEPS, ROWS, 70, dtype=torch.float64)
    with torch.no_grad():
        cell.U.bias[3] += 1  # padding comes, too
    assert (cell.U(x).argmax(-1) == 3).any()
    check(cell, x, random_state(cell, ROWS), **arguments)


def test_no_step_at_all():
    check(*made(Speaker, steps=0), record="all")


@EVERY_KIND
def test_float32(kind):
    check(*made(kind, dtype=torch.float32), ROUGHLY)


@pytest.mark.parametrize(
    "arguments",
    [{"reverse": True}, {"resets": torch.eye(STEPS, ROWS) > 0}, {"recompute": "segments"}],
    ids=lambda a: next(iter(a)),
)
def test_every_way_to_unroll(arguments):
    check(*made(Twice), **arguments)


@pytest.mark.parametrize("kind", [Speaker, Tied, Chosen], ids=lambda kind: kind.__name__)
def test_gradients_are_those_of_small_differences(kind):
    cell, x, state = made(kind, rows=2, steps=3)
    assert torch.autograd.gradcheck(
        lambda *_: es.unroll(cell, x, state, engine="llvm").y, (x.requires_grad_(), *cell.parameters()), fast_mode=True
    )


@pytest.mark.parametrize("arguments", [{}, RAGGED], ids=["even", "ragged"])
@pytest.mark.parametrize("kind", [Speaker, Twice, ByColumns], ids=lambda kind: kind.__name__)
def test_bits_are_the_same_for_any_number_of_threads(kind, arguments, monkeypatch):
    monkeypatch.setattr(programs, "WORTH_SHARING", 0)
    cell, x, state = made(kind, dtype=torch.float32)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(outcome(cell, x, state, engine="llvm", **arguments))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        for name, value in found[0].items():
            assert torch.equal(value, other[name]), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("features", [1, 2, 7, 16, 40])
def test_the_first_of_equal_ones_and_the_first_nan_is_the_largest(features, dtype):
    class Largest(es.Cell[SpeakerState]):
        State = SpeakerState

        def __init__(self) -> None:
            super().__init__(features, features, h=1, said=1)

        def step(self, state: SpeakerState, x: Tensor) -> tuple[SpeakerState, Tensor]:
            es.tap("index", x.argmax(-1))
            return state, x * 2

    torch.manual_seed(0)
    x = torch.randint(-1, 2, (40, 6, features)).to(dtype)  # most rows have several largest ones
    x[:, 1:3] = torch.where(torch.rand(40, 2, features) < 0.1, float("nan"), x[:, 1:3])
    x[:, 3] = torch.where(torch.rand(40, features) < 0.5, float("-inf"), x[:, 3])
    x[:, 4:] = torch.tensor([[float("-inf")], [float("nan")]])
    out = es.unroll(Largest().to(dtype), x, record=["index"], engine="llvm")
    assert torch.equal(out.record["index"], x.argmax(-1))


def test_what_runs_the_loop_is_told():
    why = es.explain(made(Speaker)[0])
    assert why.engine == "llvm"
    assert "index = argmax(V.bias + h' @ V.weight.T)" in why.step
    assert "said' = E[index]" in why.step
    assert "dE[index] += d_said_later" in why.loops["backward"]


def test_no_more_than_the_index_is_kept_of_what_was_said():
    with_index = es.explain(made(Speaker)[0])
    assert "index" in with_index.kept
    assert not any("V" in kept for kept in with_index.kept)  # no scores
