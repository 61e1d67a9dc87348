"""Dropout drops the share that it is asked for, independently, and scales what stays."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

import everystep as es


@pytest.mark.parametrize("p", [0.01, 0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_as_many_features_are_dropped_as_asked_for(p, dtype):
    torch.manual_seed(0)
    many = 400_000
    y = es.layers.Dropout(p)(torch.ones(many // 8, 8, dtype=dtype))
    dropped = (y == 0).double().mean(0)  # by the place among the bits of two random numbers
    spread = (p * (1 - p) / (many // 8)) ** 0.5
    assert ((dropped - p).abs() < 5 * spread).all()
    kept = y[y != 0]
    assert kept.dtype == dtype
    torch.testing.assert_close(
        kept, torch.full_like(kept, 1 / (1 - p)), rtol=1e-2 if dtype == torch.bfloat16 else 2e-4, atol=0
    )
    assert abs(y.double().mean().item() - 1) < 5 * (p / (1 - p) / many) ** 0.5 + (
        1e-2 if dtype == torch.bfloat16 else 0
    )


def test_neighbours_are_dropped_independently():
    torch.manual_seed(1)
    kept = (es.layers.Dropout(0.5)(torch.ones(100_000)) != 0).double() - 0.5
    for apart in (1, 2, 3, 4, 8):
        assert abs((kept[apart:] * kept[:-apart]).mean().item()) < 5 * 0.25 / 100_000**0.5


def test_the_gradient_passes_what_was_kept():
    x = torch.randn(37, 5, requires_grad=True)
    y = es.layers.Dropout(0.25)(x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(gradient * x, y)
    assert gradient.unique().tolist() == pytest.approx([0, 4 / 3])


def test_the_seed_decides_and_evaluation_drops_nothing():
    layer, x = es.layers.Dropout(0.4), torch.randn(3, 7)
    drawn = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        drawn.append(layer(x))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert layer.eval()(x) is x or torch.equal(layer(x), x)


@pytest.mark.parametrize(("p", "expected"), [(0.0, 1.0), (1.0, 0.0), (1e-9, 1.0)])
def test_nothing_and_everything_can_be_dropped(p, expected):
    assert (es.layers.Dropout(p)(torch.ones(50)) == expected).all()


@pytest.mark.parametrize("shape", [(0,), (3, 0), (), (1,), (2, 3, 5)])
def test_any_shape_keeps_its_shape(shape):
    assert es.layers.Dropout(0.5)(torch.ones(shape)).shape == shape
    strided = torch.ones(4, 6).t()[::2]
    assert es.layers.Dropout(0.5)(strided).shape == strided.shape


def test_a_probability_that_is_none_is_refused():
    with pytest.raises(ValueError, match="probability"):
        es.layers.Dropout(1.5)


def test_transforms_of_torch_draw_their_own_masks():
    layer, x = es.layers.Dropout(0.5), torch.ones(4, 100)
    mapped = torch.func.vmap(layer, randomness="different")(x)
    assert 0 < (mapped == 0).sum() < 400
    assert not torch.equal(mapped[0], mapped[1])
    torch.manual_seed(3)
    inplace = es.layers.Dropout(0.5, inplace=True)(ones := torch.ones(9))
    torch.manual_seed(3)
    assert torch.equal(inplace, F.dropout(torch.ones(9), 0.5))
    assert inplace is ones
