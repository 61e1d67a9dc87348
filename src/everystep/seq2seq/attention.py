"""Attention: a query looks at every position of a memory and takes a weighted mean of it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from everystep.errors import ShapeError

TOGETHER = 8  # positions come in multiples of it, so that few sizes are compiled


class Looked(NamedTuple):
    """A memory as attention looks at it, made once for a sequence."""

    keys: Tensor  # (batch, positions, keys)  what a query is compared with
    values: Tensor  # (batch, positions, memory)  what is averaged; zero in padding
    mask: Tensor  # (batch, positions) bool  where there is something


class Attention(nn.Module):
    r"""How a query chooses among positions.

    .. math:: \alpha_s = \mathrm{softmax}_s(\mathrm{score}(q, k_s)), \qquad c = \sum_s \alpha_s m_s

    A subclass says what a key is, and how a query is scored against it. Queries of all steps may come at once,
    (time, batch, query): every step then looks at the same memory.

    Args:
        query_size: Features of a query.
        memory_size: Features of the memory, and of the context vector.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.query_size = query_size
        self.memory_size = memory_size

    def look(self, memory: Tensor, lengths: Tensor) -> Looked:
        """Make ready what is the same for all steps of a sequence.

        Args:
            memory: (positions, batch, memory); what lies past a length is never used, NaN included.
            lengths: (batch,), 0 or more; a memory of no positions gives a context vector of zeros.

        Returns:
            Keys, values and mask with the batch first, positions padded to a multiple of 8.

        Raises:
            ShapeError: The memory has not the features that were announced.
        """
        if memory.ndim != 3 or memory.shape[-1] != self.memory_size:
            raise ShapeError(
                f"{type(self).__name__}: memory has shape {tuple(memory.shape)}; expected (positions, batch, "
                f"memory={self.memory_size})."
            )
        more = -len(memory) % TOGETHER if len(memory) else TOGETHER
        values = F.pad(memory.transpose(0, 1), (0, 0, 0, more))
        mask = torch.arange(values.shape[1], device=memory.device) < lengths.to(memory.device).unsqueeze(1)
        values = torch.where(mask.unsqueeze(-1), values, 0)
        # where there is nothing, the first zero is looked at: a softmax over no position is none
        return Looked(self.keys(values), values, mask | _first(mask))

    def keys(self, values: Tensor) -> Tensor:
        """Make what queries are compared with, once for a sequence: (batch, positions, keys)."""
        raise NotImplementedError(f"{type(self).__name__} has no keys.")

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        """Compare queries (..., batch, query) with keys: (..., batch, positions)."""
        raise NotImplementedError(f"{type(self).__name__} has no scores.")

    def forward(self, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Look.

        Args:
            query: (batch, query), or (time, batch, query) for all steps at once.
            keys: (batch, positions, keys).
            values: (batch, positions, memory).
            mask: (batch, positions) bool, true where there is something.

        Returns:
            The context vector (..., batch, memory) and the weights (..., batch, positions).
        """
        scores = self.scores(query, keys).masked_fill(~mask, -torch.inf)
        weights = torch.softmax(scores, dim=-1)  # α_s
        return mean(values, weights), weights


def mean(values: Tensor, weights: Tensor) -> Tensor:
    """Give the weighted mean of values (batch, positions, n): (..., batch, n)."""
    return torch.einsum("...bs,bsn->...bn", weights, values)  # c = Σ_s α_s m_s


def _first(mask: Tensor) -> Tensor:
    """The first position of rows that have none."""
    first = torch.arange(mask.shape[1], device=mask.device) == 0
    return first & ~mask.any(dim=1, keepdim=True)
