"""Additive attention: a small network compares a query with a key."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cells.initial import bias, uniform
from everystep.seq2seq.attention import Attention
from everystep.seq2seq.products import linear


class Additive(Attention):
    r"""Attention scored by a network of one hidden layer.

    .. math:: \mathrm{score}(q, m_s) = v^\top \tanh(W q + U m_s + b)

    :math:`U m_s + b` is the key: it is computed once for a sequence.

    Args:
        query_size: Features of a query.
        memory_size: Features of the memory.
        hidden_size: Features of the hidden layer; as many as a query has when not given.

    Example:
        >>> import torch
        >>> from everystep.seq2seq import Additive
        >>> attention = Additive(query_size=4, memory_size=6)
        >>> looked = attention.look(torch.randn(5, 2, 6), lengths=torch.tensor([5, 3]))
        >>> vector, weights = attention(torch.randn(2, 4), *looked)
        >>> vector.shape, weights[1].count_nonzero()
        (torch.Size([2, 6]), tensor(3))

    Source: Bahdanau, Cho & Bengio (2015), "Neural machine translation by jointly learning to align and translate",
    appendix A.1.2.
    """

    def __init__(self, query_size: int, memory_size: int, hidden_size: int | None = None) -> None:
        super().__init__(query_size, memory_size)
        hidden_size = query_size if hidden_size is None else hidden_size
        self.W = uniform(hidden_size, query_size)
        self.U = uniform(hidden_size, memory_size)
        self.b = bias(hidden_size, wanted=True)
        self.v = uniform(1, hidden_size)

    def keys(self, values: Tensor) -> Tensor:
        """Compute U m + b."""
        return linear(values, self.U, self.b)

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        """Compute v · tanh(W q + key)."""
        compared = torch.tanh(linear(query, self.W).unsqueeze(-2) + keys)  # (..., batch, positions, hidden)
        return F.linear(compared, self.v).squeeze(-1)
