"""Monotonic attention: it goes through the memory from its beginning to its end, and never back."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from everystep.seq2seq.attention import mean
from everystep.seq2seq.remembering import Remembering


class Monotonic(Remembering):
    r"""Additive attention that begins where it looked at the step before, and stops at a position or goes on.

    .. math::
        p_s &= \sigma\!\left(g \frac{v^\top}{\lVert v \rVert} \tanh(W q + U m_s + b) + r\right) \\
        \alpha_s(t) &= p_s \sum_{k \le s} \alpha_k(t-1) \prod_{l=k}^{s-1} (1 - p_l)

    p is the probability to stop at a position; weights are the expectation of where it stops.

    Deviations from the source: who comes to the last position stops there (p = 1), so weights sum to 1; the
    expectation is taken in a search as well, without noise in training that would drive p to 0 or 1.

    Args:
        query_size: Features of a query.
        memory_size: Features of the memory.
        hidden_size: Features of the hidden layer; as many as a query has when not given.

    Source: Raffel et al. (2017), "Online and linear-time attention by enforcing monotonic alignments", equation 9, and
    section 2.4 for the score.
    """

    def __init__(self, query_size: int, memory_size: int, hidden_size: int | None = None) -> None:
        super().__init__(query_size, memory_size, hidden_size)
        self.g = nn.Parameter(torch.full((1,), self.v.shape[1] ** -0.5))
        self.r = nn.Parameter(torch.zeros(1))

    def start(self, nowhere: Tensor) -> Tensor:
        """Begin at the first position."""
        return F.pad(nowhere[:, 1:], (1, 0), value=1.0)

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        """Compute g v · tanh(W q + key) / |v| + r."""
        return self.g / self.v.norm() * super().scores(query, keys) + self.r

    def forward(self, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Look: see :meth:`Remembering.forward`."""
        scores = self.scores(query, keys)
        stop = torch.sigmoid(scores).masked_fill(~mask, 0.0).masked_fill(_last(mask), 1.0)  # p
        passing = -F.softplus(scores).masked_fill(~mask, 0.0)  # log(1 - p)
        weights = stop * (_ways(passing) * seen.unsqueeze(1)).sum(-1)
        return mean(values, weights), weights


def _ways(passing: Tensor) -> Tensor:
    """Give the probability to pass from k to s, exp Σ log(1 - p(l)) over l = k ... s-1: (batch, s, k), 0 for k > s."""
    before = passing.cumsum(-1) - passing
    behind = torch.ones(passing.shape[-1], passing.shape[-1], dtype=torch.bool, device=passing.device).tril()
    return torch.exp((before.unsqueeze(-1) - before.unsqueeze(-2)).masked_fill(~behind, -torch.inf))


def _last(mask: Tensor) -> Tensor:
    return mask & ~F.pad(mask[:, 1:], (0, 1))
