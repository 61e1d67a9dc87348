"""Attention is what its equation says, and padding is never looked at."""

from __future__ import annotations

import math

import pytest
import torch

import everystep as es
from everystep.errors import ShapeError
from everystep.seq2seq import Additive, AttendAfter, AttendBefore, Dot, General, Looked, ScaledDot, Stacked
from everystep.seq2seq.attention import Attention

POSITIONS, ROWS, STEPS, SIZE = 5, 3, 4, 6
LENGTHS = torch.tensor([5, 1, 3])
EXACT = {"rtol": 0, "atol": 1e-13}  # a few hundred roundings of 1.1e-16


def memory_and_queries(size=SIZE):
    torch.manual_seed(1)
    return torch.randn(POSITIONS, ROWS, size).double(), torch.randn(STEPS, ROWS, SIZE).double()


def of_kind(kind, memory_size=SIZE) -> Attention:
    torch.manual_seed(2)
    return kind(SIZE, memory_size).double()


def score_by_hand(attention, query, vector):
    if isinstance(attention, Additive):
        return (attention.v[0] * torch.tanh(attention.W @ query + attention.U @ vector + attention.b)).sum()
    if isinstance(attention, General):
        return query @ attention.W @ vector
    return query @ vector / (math.sqrt(SIZE) if isinstance(attention, ScaledDot) else 1)


def by_hand(attention, query, memory):
    """Attend for one row: (positions, memory) without padding."""
    scores = torch.stack([score_by_hand(attention, query, vector) for vector in memory])
    weights = scores.exp() / scores.exp().sum()
    return sum(weight * vector for weight, vector in zip(weights, memory, strict=True)), weights


@pytest.mark.parametrize("kind", [Additive, General, Dot, ScaledDot])
def test_every_attention_is_its_equation_by_hand_for_each_row_and_step(kind):
    attention, (memory, queries) = of_kind(kind), memory_and_queries()
    vectors, weights = attention(queries, *attention.look(memory, LENGTHS))
    for t in range(STEPS):
        for row, length in enumerate(LENGTHS.tolist()):
            vector, expected = by_hand(attention, queries[t, row], memory[:length, row])
            torch.testing.assert_close(vectors[t, row], vector, **EXACT)
            torch.testing.assert_close(weights[t, row, :length], expected, **EXACT)
            assert not weights[t, row, length:].any()


@pytest.mark.parametrize("kind", [Additive, General, Dot])
def test_all_steps_at_once_are_the_steps_one_by_one(kind):
    attention, (memory, queries) = of_kind(kind), memory_and_queries()
    looked = attention.look(memory, LENGTHS)
    together, _ = attention(queries, *looked)
    alone = torch.stack([attention(query, *looked)[0] for query in queries])
    torch.testing.assert_close(together, alone, **EXACT)


@pytest.mark.parametrize("kind", [Additive, General, Dot])
def test_padding_of_nan_changes_no_vector_and_no_gradient(kind):
    attention, (memory, queries) = of_kind(kind), memory_and_queries()
    found = []
    for padding in (0.0, math.nan):
        within = (torch.arange(POSITIONS).unsqueeze(1) < LENGTHS).unsqueeze(2)
        leaf = torch.where(within, memory, padding).requires_grad_()
        vectors, _ = attention(queries, *attention.look(leaf, LENGTHS))
        gradients = torch.autograd.grad(vectors.square().sum(), [leaf, *attention.parameters()])
        assert not gradients[0][1:, 1].any()  # nothing reaches padding
        found.append((vectors, *gradients))
    for clean, padded in zip(*found, strict=True):
        assert torch.equal(clean, padded)


@pytest.mark.parametrize("kind", [Additive, General])
def test_keys_are_computed_once_and_need_no_query(kind, monkeypatch):
    attention, (memory, queries) = of_kind(kind, 4), memory_and_queries(4)
    looked = attention.look(memory, LENGTHS)
    monkeypatch.setattr(attention, "keys", None)  # from here on nobody may ask
    assert attention(queries[0], *looked)[0].shape == (ROWS, 4)


def test_a_memory_of_nothing_gives_a_vector_of_zeros_and_finite_gradients():
    attention, (memory, queries) = of_kind(General), memory_and_queries()
    leaf = memory.requires_grad_()
    vectors, _ = attention(queries, *attention.look(leaf, torch.tensor([5, 0, 3])))
    assert not vectors[:, 1].any()
    vectors.sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.isfinite().all()
    nothing, _ = attention(queries, *attention.look(memory[:0].detach(), torch.tensor([0, 0, 0])))
    assert nothing.shape == (STEPS, ROWS, SIZE)
    assert not nothing.any()


def test_positions_come_in_multiples_of_eight():
    attention, (memory, _) = of_kind(General), memory_and_queries()
    assert attention.look(memory, LENGTHS).values.shape == (ROWS, 8, SIZE)
    assert attention.look(torch.cat([memory] * 2), LENGTHS).mask.shape == (ROWS, 16)


def test_a_memory_of_other_features_is_refused_with_what_was_expected():
    attention, (memory, _) = of_kind(General, 4), memory_and_queries()
    with pytest.raises(ShapeError, match=r"General: memory has shape \(5, 3, 6\); expected .*memory=4"):
        attention.look(memory, LENGTHS)
    with pytest.raises(ShapeError, match='Attention "general" takes any'):
        Dot(4, 6)


@pytest.mark.parametrize("kind", [AttendAfter, AttendBefore])
def test_the_weights_of_a_loop_are_recorded(kind):
    memory, x = memory_and_queries()
    stack = Stacked(es.cells.GRU(2 * SIZE if kind is AttendBefore else SIZE, SIZE)).double()
    cell = kind(stack, of_kind(Additive)).double()
    looked = cell.attention.look(memory, LENGTHS)
    out = es.unroll(cell, x, context=looked, record=["attention"], engine="reference")
    weights = out.record["attention"]
    assert weights.shape == (STEPS, ROWS, 8)
    torch.testing.assert_close(weights.sum(-1), torch.ones(STEPS, ROWS).double(), **EXACT)
    assert not (weights * ~looked.mask).any()


def test_attention_after_the_state_is_taken_out_of_the_loop():
    memory, x = memory_and_queries()
    cell = AttendAfter(Stacked(es.cells.LSTM(SIZE, SIZE)), Additive(SIZE, SIZE)).double()
    looked, state = cell.attention.look(memory, LENGTHS), cell.initial_state(ROWS, memory)
    inside = es.unroll(cell, x, state, context=looked, engine="reference").y
    outside, _ = cell.over(x, state, looked, engine="reference")
    torch.testing.assert_close(outside, inside, **EXACT)


def fed(*parts):
    return es.layers.Feedback(AttendAfter(*parts))


@pytest.mark.parametrize("kind", [fed, AttendBefore, AttendAfter])
def test_engines_agree_on_a_cell_that_attends_in_the_loop(kind):
    memory, x = memory_and_queries()
    attention = of_kind(Additive)
    taken = SIZE if kind is AttendAfter else 2 * SIZE
    cell = kind(Stacked(es.cells.GRU(taken, SIZE)), attention).double()
    found = []
    for engine in ("reference", "llvm"):
        leaves = [memory.clone().requires_grad_(), x.clone().requires_grad_()]
        looked = attention.look(leaves[0], LENGTHS)
        out = es.unroll(cell, leaves[1], context=Looked(*looked), lengths=[4, 2, 3], engine=engine)
        gradients = torch.autograd.grad(out.y.square().sum(), [*leaves, *cell.parameters()])
        found.append((out.y, *gradients))
    for reference, compiled in zip(*found, strict=True):
        torch.testing.assert_close(compiled, reference, rtol=0, atol=1e-12)  # sums in another order
