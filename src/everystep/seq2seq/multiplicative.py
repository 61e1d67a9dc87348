"""Multiplicative attention: a query and a key are compared by their product."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from everystep.cells.initial import uniform
from everystep.errors import ShapeError
from everystep.seq2seq.attention import Attention
from everystep.seq2seq.products import linear


class Dot(Attention):
    r"""Attention scored by a plain product; the memory itself is the key.

    .. math:: \mathrm{score}(q, m_s) = q^\top m_s

    Args:
        query_size: Features of a query.
        memory_size: Features of the memory, as many.

    Raises:
        ShapeError: They are not as many.

    Source: Luong, Pham & Manning (2015), "Effective approaches to attention-based neural machine translation",
    equation 8 (dot).
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        if query_size != memory_size:
            raise ShapeError(
                f"{type(self).__name__}: a query has {query_size} features and the memory {memory_size}; expected as "
                'many. Attention "general" takes any.'
            )

    def keys(self, values: Tensor) -> Tensor:
        """Give the memory itself."""
        return values

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        """Compute q · key."""
        return torch.einsum("...bn,bsn->...bs", query, keys)


class ScaledDot(Dot):
    r"""Attention scored by a product, divided by what its size would be for independent features of variance 1.

    .. math:: \mathrm{score}(q, m_s) = q^\top m_s / \sqrt{n}

    Args:
        query_size: n, features of a query.
        memory_size: Features of the memory, as many.

    Raises:
        ShapeError: They are not as many.

    Source: Vaswani et al. (2017), "Attention is all you need", equation 1.
    """

    def keys(self, values: Tensor) -> Tensor:
        """Compute m / √n."""
        return values / math.sqrt(self.memory_size)


class General(Attention):
    r"""Attention scored by a product with weights between; W m is the key, computed once for a sequence.

    .. math:: \mathrm{score}(q, m_s) = q^\top W m_s

    Args:
        query_size: Features of a query.
        memory_size: Features of the memory.

    Example:
        >>> import torch
        >>> from everystep.seq2seq import General
        >>> attention = General(query_size=4, memory_size=6)
        >>> looked = attention.look(torch.randn(5, 2, 6), lengths=torch.tensor([5, 3]))
        >>> vector, weights = attention(torch.randn(7, 2, 4), *looked)  # seven queries at once
        >>> vector.shape, weights.shape
        (torch.Size([7, 2, 6]), torch.Size([7, 2, 8]))

    Source: Luong, Pham & Manning (2015), equation 8 (general).
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        self.W = uniform(query_size, memory_size)

    def keys(self, values: Tensor) -> Tensor:
        """Compute W m."""
        return linear(values, self.W)

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        """Compute q · key."""
        return torch.einsum("...bn,bsn->...bs", query, keys)
