"""Attention in the compiled loop is attention in the plain loop, forward and backward."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import everystep as es
from agreement import check_same, outcome, random_state
from compiler.attention import Decoder, Memory, additive
from everystep.engines.llvm import programs

STEPS, ROWS, INPUTS, HIDDEN = 4, 3, 4, 7
# Float64 on both sides; the loop adds the places up in another order than torch.
TOLERANCE = 1e-10
# Float32: some thousand roundings of 6e-8, at random.
ROUGHLY = 1e-4


def selected(memory):
    """The keys with zero where nothing is: what is not selected may be NaN."""
    return memory.keys.masked_fill(~memory.mask.unsqueeze(-1), 0.0)


def weighed(scores, mask):
    return torch.softmax(scores.masked_fill(~mask, float("-inf")), -1)


def of_linear(cell, query, memory):
    scores = F.linear(torch.tanh(query.unsqueeze(1) + selected(memory)), cell.v[None]).squeeze(-1)
    weights = weighed(scores, memory.mask)
    return weights, torch.bmm(weights.unsqueeze(1), selected(memory)).squeeze(1)


def dot(cell, query, memory):
    keys = selected(memory)
    weights = weighed((query.unsqueeze(1) * keys).sum(-1) / query.shape[-1] ** 0.5, memory.mask)
    return weights, (weights.unsqueeze(-1) * keys).sum(1)


def of_einsum(cell, query, memory):
    keys = torch.where(memory.mask.unsqueeze(-1), memory.keys, 0.0)
    weights = weighed(torch.einsum("bn,bsn->bs", query, keys), memory.mask)
    return weights, torch.einsum("bs,bsn->bn", weights, keys)


def of_log_softmax(cell, query, memory):
    keys = selected(memory)
    scores = torch.bmm(keys, query.unsqueeze(2)).squeeze(2)
    weights = F.log_softmax(torch.where(memory.mask, scores, -1e9), -1).exp()
    return weights, torch.bmm(weights.unsqueeze(1), keys).squeeze(1)


def heads_in_front(cell, query, memory):
    rows, places, size = memory.keys.shape
    keys = selected(memory).view(rows, places, cell.heads, -1).transpose(1, 2)
    scores = query.view(rows, cell.heads, 1, -1) @ keys.transpose(-1, -2)
    weights = torch.softmax(scores.masked_fill(~memory.mask[:, None, None], float("-inf")), -1)
    return weights.mean(1).squeeze(1), (weights @ keys).transpose(1, 2).reshape(rows, size)


def heads_behind(cell, query, memory):
    rows, places, _ = memory.keys.shape
    keys = selected(memory).view(rows, places, cell.heads, -1)
    scores = (query.view(rows, 1, cell.heads, -1) * keys).sum(-1)
    weights = torch.softmax(scores.masked_fill(~memory.mask.unsqueeze(-1), float("-inf")), 1)
    return weights.amax(-1), (weights.unsqueeze(-1) * keys).sum(1).flatten(1)


def of_torch(cell, query, memory):
    """Nothing is found where a row has no place at all."""
    rows, places, size = memory.keys.shape
    keys = selected(memory).view(rows, places, cell.heads, -1).transpose(1, 2)
    mask = (memory.mask & (query[:, :1] > 0))[:, None, None]
    found = F.scaled_dot_product_attention(query.view(rows, cell.heads, 1, -1), keys, keys, attn_mask=mask)
    return memory.mask.to(query.dtype), found.transpose(1, 2).reshape(rows, size)


def cosine(cell, query, memory):
    keys = memory.keys.masked_fill(~memory.mask.unsqueeze(-1), 0.1)
    weights = weighed(5 * F.cosine_similarity(query.unsqueeze(1), keys, dim=-1), memory.mask)
    return weights, (weights.unsqueeze(-1) * keys).sum(1)


def largest(cell, query, memory):
    gates = torch.sigmoid(query.unsqueeze(1) * selected(memory))
    return gates.mean(-1), gates.amax(1) + 0.1 * F.layer_norm(gates, gates.shape[-1:]).sum(1)


KINDS = [additive, of_linear, dot, of_einsum, of_log_softmax, heads_in_front, heads_behind, of_torch, cosine, largest]


def made(attend, places, size, heads=1, dtype=torch.float64):
    torch.manual_seed(0)
    cell = Decoder(INPUTS, HIDDEN, size, attend, heads).to(dtype)
    mask = torch.arange(places) < torch.randint(1, places + 1, (ROWS, 1))
    keys = torch.randn(ROWS, places, size, dtype=dtype)
    if attend is not additive:  # which reads all of them
        keys[~mask] = float("nan")
    x = torch.randn(STEPS, ROWS, INPUTS, dtype=dtype)
    return cell, x, random_state(cell, ROWS, dtype), {"context": Memory(keys, mask), "record": "all"}


def check(cell, x, state, tolerance=TOLERANCE, **arguments):
    ours, right = (outcome(cell, x, state, engine=engine, **arguments) for engine in ("llvm", "reference"))
    check_same(ours, right, tolerance)


@pytest.mark.parametrize("attend", KINDS, ids=lambda kind: kind.__name__)
def test_values_and_every_gradient_are_those_of_the_plain_loop(attend):
    cell, x, state, arguments = made(attend, 20, 24, 6)
    check(cell, x, state, **arguments)


@pytest.mark.parametrize("places_size", [(7, 11), (1, 6)], ids=["primes", "one place"])
@pytest.mark.parametrize("attend", [additive, dot, heads_in_front], ids=lambda kind: kind.__name__)
def test_any_number_of_places_and_features(attend, places_size):
    cell, x, state, arguments = made(attend, *places_size)
    check(cell, x, state, **arguments)


@pytest.mark.parametrize("attend", [additive, heads_behind], ids=lambda kind: kind.__name__)
def test_float32(attend):
    cell, x, state, arguments = made(attend, 9, 24, 2, torch.float32)
    check(cell, x, state, ROUGHLY, **arguments)


@pytest.mark.parametrize(
    "arguments",
    [{"lengths": [2, 4, 1]}, {"reverse": True}, {"resets": torch.eye(STEPS, ROWS) > 0}, {"recompute": "segments"}],
    ids=lambda a: next(iter(a)),
)
def test_every_way_to_unroll(arguments):
    cell, x, state, given = made(additive, 7, 11)
    check(cell, x, state, **{**given, **arguments, "record": () if "recompute" in arguments else "all"})


class Places(NamedTuple):
    """A memory as an encoder leaves it, and where it has something."""

    memory: Tensor  # (places, batch, size)
    mask: Tensor  # (batch, places)


class CoveredState(NamedTuple):
    """What is carried: a state, and how much of each place was looked at so far."""

    h: Tensor
    covered: Tensor


class Covering(es.Cell[CoveredState]):
    """Attention that knows where it has been: a part of the state is as long as the memory."""

    State = CoveredState

    def __init__(self, input_size, hidden_size, size):
        super().__init__(input_size, hidden_size, h=hidden_size, covered="memory")
        self.U, self.W = nn.Linear(input_size + size, hidden_size), nn.Linear(hidden_size, hidden_size)
        self.query, self.v, self.c = (nn.Linear(hidden_size, size), *map(nn.Parameter, torch.randn(2, size)))

    def step(self, state, x, context):
        seen = state.covered.T.unsqueeze(-1) * self.c  # (places, batch, size)
        scores = (torch.tanh(self.query(state.h) + context.memory + seen) @ self.v).T
        weights = es.tap("attention", weighed(scores, context.mask))
        found = (weights.T.unsqueeze(-1) * context.memory).sum(0)
        h = torch.tanh(self.U(torch.cat([x, found], -1)) + self.W(state.h))
        return CoveredState(h, state.covered + weights), h


@pytest.mark.parametrize("places", [7, ROWS, 2], ids=["", "as many as rows", "few"])
def test_a_memory_with_the_batch_second_and_a_state_as_long_as_it(places):
    torch.manual_seed(0)
    cell = Covering(INPUTS, HIDDEN, 5).double()
    mask = torch.arange(places) < torch.randint(1, places + 1, (ROWS, 1))
    context = Places(torch.randn(places, ROWS, 5, dtype=torch.float64), mask)
    x = torch.randn(STEPS, ROWS, INPUTS, dtype=torch.float64)
    state = CoveredState(torch.randn(ROWS, HIDDEN).double(), torch.rand(ROWS, places).double())
    check(cell, x, state, context=context, record="all")


def test_bits_are_the_same_for_any_number_of_threads(monkeypatch):
    monkeypatch.setattr(programs, "WORTH_SHARING", 0)
    before, (cell, x, state, arguments) = torch.get_num_threads(), made(dot, 9, 20, dtype=torch.float32)
    outcomes = []
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            outcomes.append(outcome(cell, x, state, engine="llvm", **arguments))
    finally:
        torch.set_num_threads(before)
    for name, value in outcomes[0].items():
        assert all(torch.equal(value.nan_to_num(7), other[name].nan_to_num(7)) for other in outcomes[1:]), name


def test_code_and_what_is_kept_do_not_grow_with_the_places():
    def explained(places):
        cell, x, _, arguments = made(dot, places, 16, dtype=torch.float32)
        return es.explain(cell, x=x, context=arguments["context"])

    few, many = explained(10), explained(200)
    assert len(many.loops["backward"].split("\n")) == len(few.loops["backward"].split("\n"))
    assert many.kept_bytes - few.kept_bytes <= 2 * 4 * 190  # two numbers of 4 bytes for a place: none for its features
