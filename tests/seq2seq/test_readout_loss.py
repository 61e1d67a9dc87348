"""The readout's cross-entropy is torch's, with every gradient, whatever is at hand at once."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from everystep.seq2seq import readout_loss
from everystep.seq2seq.readout_loss import PLACES

SIZE, SYMBOLS = 7, 23


def drawn(places, dtype=torch.float64):
    torch.manual_seed(0)
    shapes = (places, SIZE), (SYMBOLS, SIZE), (SYMBOLS,)
    return [torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes], torch.randint(SYMBOLS, (places,))


def with_gradients(loss, leaves):
    return [loss, *torch.autograd.grad(3 * loss, leaves)]


@pytest.mark.parametrize("places", [1, PLACES, 2 * PLACES + 5])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_and_gradients_are_those_of_torch(places, smoothing):
    (features, V, c), target = drawn(places)
    scores = F.linear(features, V, c)
    expected = with_gradients(F.cross_entropy(scores, target, label_smoothing=smoothing), (features, V, c))
    found = with_gradients(readout_loss(features, V, c, target, smoothing=smoothing), (features, V, c))
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-13)  # sums of a thousand terms, in another order


def test_gradients_are_those_of_small_differences():
    leaves, target = drawn(4)
    assert torch.autograd.gradcheck(lambda a, V, c: readout_loss(a, V, c, target, smoothing=0.2), leaves)


def test_a_part_that_needs_no_gradient_gets_none():
    (features, V, c), target = drawn(5)
    readout_loss(features, V.detach(), c.detach(), target).backward()
    assert features.grad is not None
    assert V.grad is None
    with torch.no_grad():
        assert not readout_loss(features, V, c, target).requires_grad


def test_no_place_has_no_loss():
    (features, V, c), target = drawn(0)
    loss = readout_loss(features, V, c, target)
    loss.backward()
    assert loss.item() == 0
    assert V.grad is not None
    assert not V.grad.any()


def test_products_in_bfloat16_are_near():
    (features, V, c), target = drawn(2 * PLACES, torch.float32)
    exact = with_gradients(readout_loss(features, V, c, target), (features, V, c))
    found = with_gradients(readout_loss(features, V, c, target, products=torch.bfloat16), (features, V, c))
    for ours, theirs in zip(found, exact, strict=True):
        assert ours.dtype == torch.float32
        # bfloat16 has 8 bits: 1 in 256 of what is multiplied
        assert (ours - theirs).norm() < 2 / 256 * theirs.norm()
