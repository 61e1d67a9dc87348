"""What lies in a step that is not used reaches nothing, whatever the step divides by."""

import pytest
import torch

import everystep as es

USED = torch.arange(5).unsqueeze(1) < torch.tensor([5, 2, 0])  # (time, batch)
STEPS = {
    "divides by x": lambda s, x: (s + 1 / x, s / x),
    "divides by the state": lambda s, x: (s + x, x / s),
    "normalises the state": lambda s, x: ((s + x) / s.norm(dim=1, keepdim=True), s),
    "takes logarithms": lambda s, x: (s + x.log(), x.sqrt() + s),
    "normalises x": lambda s, x: (s + x, (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True)),
}


def gradients(step, padding, *, reverse=False):
    """Unroll with this value in every unused x and in the start of the row of length 0."""
    x = torch.rand(5, 3, 2, generator=torch.Generator().manual_seed(0)) + 0.5
    x = torch.where(USED.unsqueeze(2), x, padding).requires_grad_()
    start = torch.ones(3, 2).index_fill(0, torch.tensor(2), padding).requires_grad_()
    weight = torch.tensor([1.0, 2.0], requires_grad=True)
    out = es.unroll(lambda s, x: step(s, x * weight), x, start, lengths=[5, 2, 0], reverse=reverse)
    (out.y.sum() + out.state[:2].sum()).backward()
    return out.y.detach(), x.grad, start.grad, weight.grad


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("padding", [torch.nan, torch.inf, 0.0])
def test_padding_changes_no_output_and_no_gradient(step, padding, reverse):
    found, expected = gradients(step, padding, reverse=reverse), gradients(step, 0.7, reverse=reverse)
    for got, wanted in zip(found, expected, strict=True):
        assert wanted.isfinite().all()
        assert torch.equal(got, wanted)


def test_where_no_step_is_used_at_all_gradients_are_zero():
    weight = torch.ones(2, requires_grad=True)
    x = torch.full((5, 3, 2), torch.nan)
    out = es.unroll(lambda s, x: (s, s / (x * weight)), x, torch.ones(3, 2), mask=torch.zeros(5, 3, dtype=torch.bool))
    out.y.sum().backward()
    assert not out.y.any()
    assert weight.grad.tolist() == [0, 0]


def test_what_a_reset_or_a_forced_value_replaces_is_not_looked_at_before_the_first_used_step():
    weight = torch.ones(1, requires_grad=True)
    used = torch.tensor([[False], [True], [True]])
    first = torch.tensor([[False], [True], [False]])
    start, x = torch.full((1, 1), torch.nan), torch.ones(3, 1, 1)

    def step(s, x):
        return s + x * weight, s * weight

    for chosen in ({"resets": first}, {"forced": {"state": (torch.ones(3, 1, 1), first)}}):
        weight.grad = None
        es.unroll(step, x, start, mask=used, **chosen).y.sum().backward()
        assert weight.grad.isfinite().all()


def test_no_steps_give_a_zero_gradient_as_no_rows_do():
    cell = es.cells.LSTM(2, 3)
    for x in (torch.zeros(0, 4, 2), torch.zeros(4, 0, 2)):
        cell.zero_grad()
        es.unroll(cell, x).y.sum().backward()
        assert not cell.W.grad.any()


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int16, torch.uint16])
def test_lengths_of_a_narrow_type_serve_long_sequences(dtype):
    x = torch.ones(300, 2, 1)
    state = es.unroll(lambda s, x: (s + x, s), x, torch.zeros(2, 1), lengths=torch.tensor([100, 7]).to(dtype)).state
    assert state.flatten().tolist() == [100, 7]
