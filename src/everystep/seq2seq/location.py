"""Additive attention that also sees where it has looked: at the last step, or at all steps so far."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from everystep.cells.initial import uniform
from everystep.errors import ArgumentError, check_whole
from everystep.seq2seq.remembering import Remembering


class Location(Remembering):
    r"""Additive attention that sees where it looked at the step before.

    .. math::
        \mathrm{score}(q, m_s) = v^\top \tanh\Bigl(W q + U m_s + \sum_{d=-r}^{r} L_d\, \alpha_{s+d}(t-1) + b\Bigr)

    Deviation from the source, which has f = F * α and then a product with f: nothing lies between the two, so L is
    that product. It costs less wherever the width is no more than the filters of F would be.

    Args:
        query_size: Features of a query.
        memory_size: Features of the memory.
        hidden_size: Features of the hidden layer; as many as a query has when not given.
        width: 2 r + 1, the positions around one that are seen for it: an odd number.

    Raises:
        ArgumentError: ``width`` is even or no whole number.

    Example:
        >>> import torch
        >>> from everystep.seq2seq import Location
        >>> attention = Location(query_size=4, memory_size=6)
        >>> looked = attention.look(torch.randn(5, 2, 6), lengths=torch.tensor([5, 3]))
        >>> vector, weights = attention(torch.randn(2, 4), *looked, seen=torch.zeros(2, 8))
        >>> vector.shape, weights[1].count_nonzero()
        (torch.Size([2, 6]), tensor(3))

    Source: Chorowski et al. (2015), "Attention-based models for speech recognition", equations 8 and 9.
    """

    def __init__(self, query_size: int, memory_size: int, hidden_size: int | None = None, *, width: int = 5) -> None:
        super().__init__(query_size, memory_size, hidden_size)
        check_whole("Location", "width", width)
        if width % 2 == 0:
            raise ArgumentError(f"Location: width is {width}; expected an odd number, such as {width + 1}.")
        self.L = uniform(self.v.shape[1], width)

    def marked(self, keys: Tensor, seen: Tensor) -> Tensor:
        """Compute U m + b + Σ_d L_d α(s+d)."""
        positions, width = keys.shape[1], self.L.shape[1]
        padded = F.pad(seen, (width // 2, width // 2))
        return keys + sum(padded[:, d : d + positions].unsqueeze(-1) * self.L[:, d] for d in range(width))


class Coverage(Remembering):
    r"""Additive attention that sees how much it has looked at each position so far.

    .. math::
        g_s &= \sum_{t' < t} \alpha_s(t') \\
        \mathrm{score}(q, m_s) &= v^\top \tanh(W q + U m_s + l g_s + b)

    Args:
        query_size: Features of a query.
        memory_size: Features of the memory.
        hidden_size: Features of the hidden layer; as many as a query has when not given.

    Source: See, Liu & Manning (2017), "Get to the point: summarization with pointer-generator networks", equations 10
    and 11, without its loss; Tu et al. (2016), "Modeling coverage for neural machine translation".
    """

    def __init__(self, query_size: int, memory_size: int, hidden_size: int | None = None) -> None:
        super().__init__(query_size, memory_size, hidden_size)
        self.l = uniform(self.v.shape[1], 1)

    def marked(self, keys: Tensor, seen: Tensor) -> Tensor:
        """Compute U m + b + l g."""
        return keys + seen.unsqueeze(-1) * self.l[:, 0]

    def after(self, seen: Tensor, weights: Tensor) -> Tensor:
        """Add the weights."""
        return seen + weights
