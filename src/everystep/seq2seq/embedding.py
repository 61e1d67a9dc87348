"""Symbols as vectors."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from everystep.errors import ArgumentError, check_whole


class Embedding(nn.Module):
    r"""Symbols as vectors with features of about 1, of weights that are small enough to read out with.

    .. math:: e_k = \sqrt{n}\, E_k, \qquad E_{kj} \sim \mathcal{N}(0, 1 / n)

    n is ``size``. Optimizers such as Adam change a weight by about the learning rate at each step, however large it is:
    by the factor the vectors turn :math:`\sqrt{n}` times as fast.

    Args:
        symbols: Size of the vocabulary.
        size: Features of a vector.

    Raises:
        ArgumentError: A number is less than 1.

    Example:
        >>> import torch
        >>> from everystep.seq2seq import Embedding
        >>> embedding = Embedding(symbols=100, size=16)
        >>> embedding(torch.tensor([3, 7])).shape
        torch.Size([2, 16])

    Source: Vaswani et al. (2017), "Attention is all you need", section 3.4.
    """

    def __init__(self, symbols: int, size: int) -> None:
        super().__init__()
        for name, value in (("symbols", symbols), ("size", size)):
            check_whole("Embedding", name, value)
        self.symbols, self.size = symbols, size
        self.E = nn.Parameter(torch.randn(symbols, size) / math.sqrt(size))

    def forward(self, k: Tensor) -> Tensor:
        """Compute √n E_k.

        Args:
            k: (...) int64.

        Returns:
            (..., size).
        """
        return math.sqrt(self.size) * F.embedding(k, self.E)

    def extra_repr(self) -> str:
        """Tell the sizes."""
        return f"{self.symbols}, {self.size}"


def check_embedding(who: str, embedding: Any) -> None:
    """Refuse what is no :class:`Embedding`.

    Raises:
        ArgumentError: It is something else; torch's own is the likeliest.
    """
    if not isinstance(embedding, Embedding):
        kind = f"{type(embedding).__module__}.{type(embedding).__qualname__}"
        raise ArgumentError(f"{who}: embedding is a {kind}; expected an everystep.seq2seq.Embedding(symbols, size).")
