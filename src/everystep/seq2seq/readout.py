"""The readout: from the decoder's features to a score for every symbol."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from everystep.cells.initial import uniform
from everystep.seq2seq.embedding import Embedding
from everystep.seq2seq.products import Linear


class Readout(nn.Module):
    r"""Scores of the next symbol.

    .. math:: V (P a + Q e) + c

    a is what the decoder puts out, e the embedded symbol that entered. P is there where a is no vector of V's size or
    e is seen, and Q where e is seen.

    Args:
        size: Features of a.
        embedding: The target embedding.
        tied: V is the embedding's own weight.
        sees_embedding: e takes part.

    Source: V tied to the embedding: Press & Wolf (2017), "Using the output embedding to improve language models";
    with the symbol before: Bahdanau, Cho & Bengio (2015), appendix A.2.2, where the layer between is a maxout.
    """

    def __init__(self, size: int, embedding: Embedding, *, tied: bool = False, sees_embedding: bool = False) -> None:
        super().__init__()
        symbols, embedded = embedding.symbols, embedding.size
        inner = embedded if tied or sees_embedding else size
        self.P = Linear(size, inner) if inner != size or sees_embedding else None
        self.Q = Linear(embedded, inner, bias=False) if sees_embedding else None
        self.V = embedding.E if tied else uniform(symbols, inner)
        self.c = nn.Parameter(torch.zeros(symbols))

    def inner(self, features: Tensor, embedded: Tensor) -> Tensor:
        """P a + Q e: what V reads, (..., inner)."""
        found = features if self.P is None else self.P(features)
        return found if self.Q is None else found + self.Q(embedded)

    def forward(self, features: Tensor, embedded: Tensor) -> Tensor:
        """Score every symbol: (..., symbols)."""
        return torch.nn.functional.linear(self.inner(features, embedded), self.V, self.c)
