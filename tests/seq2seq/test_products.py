"""Products of any size are those of torch, and so are their gradients."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from everystep.seq2seq.products import LARGE, Linear, linear

CLOSE = {"rtol": 0, "atol": 1e-4}  # sums of up to 700 numbers around 1, in float32
SIZES = {"small": (1, 7, 33), "large": (700, 20, 401), "steps": (35, 20, 60, 120)}


def given(size, *, gradients=False):
    torch.manual_seed(0)
    *rows, features, outputs = SIZES[size]
    return [
        torch.randn(*shape, requires_grad=gradients) for shape in ((*rows, features), (outputs, features), (outputs,))
    ]


def test_sizes_are_on_both_sides_of_what_is_large():
    counts = {size: torch.Size(shape).numel() for size, shape in SIZES.items()}
    assert counts["small"] < LARGE < min(counts["large"], counts["steps"])


@pytest.mark.parametrize("size", SIZES)
def test_a_product_is_that_of_torch(size):
    x, weights, bias = given(size)
    torch.testing.assert_close(linear(x, weights, bias), F.linear(x, weights, bias), **CLOSE)
    torch.testing.assert_close(linear(x, weights), F.linear(x, weights), **CLOSE)
    turned = linear(x.transpose(0, -1).contiguous().transpose(0, -1), weights.t().contiguous().t())
    torch.testing.assert_close(turned, F.linear(x, weights), **CLOSE)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "wanted", [(True, True, True), (True, False, False), (False, True, False), (False, False, True)]
)
def test_gradients_are_those_of_torch(size, wanted):
    tensors, found = given(size), []
    for value, want in zip(tensors, wanted, strict=True):
        value.requires_grad_(want)
    asked = [value for value in tensors if value.requires_grad]
    for product in (linear, F.linear):
        y = product(*tensors)
        found.append(torch.autograd.grad(y.square().mean(), asked))
    for ours, right in zip(*found, strict=True):
        torch.testing.assert_close(ours, right, **CLOSE)


def test_second_gradients_are_those_of_torch():
    x, weights, bias = given("large", gradients=True)
    found = []
    for product in (linear, F.linear):
        (first,) = torch.autograd.grad(product(x, weights, bias).square().mean(), weights, create_graph=True)
        found.append(torch.autograd.grad(first.square().sum(), (x, weights, bias)))
    for ours, right in zip(*found, strict=True):
        torch.testing.assert_close(ours, right, **CLOSE)


def test_other_types_and_transforms_take_torchs_way():
    x, weights, bias = (value.double() for value in given("large"))
    assert torch.equal(linear(x, weights, bias), F.linear(x, weights, bias))
    x, weights, bias = given("large")
    mapped = torch.func.vmap(lambda one: linear(one, weights, bias))(x.view(7, 100, 20))
    torch.testing.assert_close(mapped.flatten(0, 1), F.linear(x, weights, bias), **CLOSE)
    layer = Linear(20, 401)
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), layer(x), **CLOSE)
