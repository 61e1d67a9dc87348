"""The cross-entropy of a readout, without ever holding the scores of all symbols at all places."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from everystep.seq2seq.products import linear

Three = tuple[Tensor, Tensor, Tensor]  # of features, V and c

PLACES = 256  # at once: with 10,000 symbols their scores take 10 MB, which a cache holds


def readout_loss(
    features: Tensor,
    V: Tensor,
    c: Tensor,
    target: Tensor,
    *,
    smoothing: float = 0.0,
    products: torch.dtype | None = None,
) -> Tensor:
    r"""Give the mean cross-entropy of the scores V a + c.

    .. math:: -\frac{1}{N} \sum_n \sum_k q_{nk} \log \mathrm{softmax}_k(V a_n + c), \qquad
        q_{nk} = (1 - \epsilon) [k = \mathrm{target}_n] + \epsilon / K

    A few places at a time are scored, and differentiated at once while their scores are at hand.

    Args:
        features: a, (places, features).
        V: (symbols, features).
        c: (symbols,).
        target: (places,) int64.
        smoothing: ε, 0 to 1.
        products: What the three large products are taken in; sums and the softmax stay in the type of ``features``.
            ``torch.bfloat16`` is several times faster on processors that have it, and rounds to three digits.

    Returns:
        A scalar; 0 where there is no place. It has no second derivative.

    Source: label smoothing: Szegedy et al. (2016), "Rethinking the inception architecture for computer vision",
    section 7.
    """
    if torch.is_grad_enabled() and any(value.requires_grad for value in (features, V, c)):
        return _ReadoutLoss.apply(features, V, c, target, smoothing, products)  # pyright: ignore[reportReturnType]
    return _loss((features, V, c), None, target, smoothing, products)


class _ReadoutLoss(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 - as apply hands them over
        ctx: Any, features: Tensor, V: Tensor, c: Tensor, target: Tensor, smoothing: float, products: Any
    ) -> Any:
        of_features, of_V, of_c = torch.empty_like(features), V.new_zeros(V.shape[::-1]), torch.zeros_like(c)
        loss = _loss((features, V, c), (of_features, of_V, of_c), target, smoothing, products)
        ctx.save_for_backward(of_features, of_V.t().contiguous(), of_c)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return (*(outer * gradient for gradient in ctx.saved_tensors), None, None, None)


def _loss(values: Three, gradients: Three | None, target: Tensor, smoothing: float, products: Any) -> Tensor:
    """Add up the loss, and the gradients where they are wanted."""
    features, V, c = values
    total, share = features.new_zeros(()), 1 / max(len(target), 1)
    weights = V if products is None else V.to(products)
    for begin in range(0, len(target), PLACES):
        place = slice(begin, begin + PLACES)
        a, wanted = features[place].to(weights.dtype), target[place].unsqueeze(1)
        scores = _scores(a, weights, c)
        likely = torch.softmax(scores, dim=1)
        whole = scores.amax(1) - likely.amax(1).log()  # log Σ_k exp(score_k)
        total -= (1 - smoothing) * share * (scores.gather(1, wanted).squeeze(1) - whole).sum()
        if smoothing:
            total -= smoothing * share * (scores.mean(1) - whole).sum()
        if gradients is not None:
            _differentiate(gradients, place, a, weights, _error(likely, wanted, smoothing, share))
    return total


def _scores(a: Tensor, weights: Tensor, c: Tensor) -> Tensor:
    if weights.dtype == c.dtype:
        return linear(a, weights, c)
    return linear(a, weights).to(c.dtype).add_(c)


def _error(likely: Tensor, wanted: Tensor, smoothing: float, share: float) -> Tensor:
    """(softmax - q) / N, in the memory of the softmax."""
    if smoothing:
        likely.sub_(smoothing / likely.shape[1])
    likely.scatter_add_(1, wanted, likely.new_full(wanted.shape, smoothing - 1))
    return likely.mul_(share)


def _differentiate(gradients: Three, place: slice, a: Tensor, weights: Tensor, error: Tensor) -> None:
    of_features, of_V, of_c = gradients
    of_c += error.sum(0)
    error = error.to(weights.dtype)
    of_features[place] = linear(error, weights.t())
    of_V += linear(a.t(), error.t())  # (features, symbols), the order in which it is found fastest
