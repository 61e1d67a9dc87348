"""Sequences of unlike length, or used in places only, as a batch without gaps.

A step that is not used does nothing, so a sequence is its used steps, one after another. Sequences are sorted by how
many they have; then step k is taken by the first ``starts[k + 1] - starts[k]`` of them, and no padding is ever touched.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from everystep.engines.llvm.arenas import kept
from everystep.engines.llvm.programs import Span


class Packed(NamedTuple):
    """Where everything goes.

    Attributes:
        span: Of the packed sequences.
        places: For every packed row its place in (time * batch).
        holders: For every place in (time * batch) its packed row; where no step is taken, the row behind the last.
        order: The sequences, longest first.
        back: The place of each sequence in that order.
    """

    span: Span
    places: Tensor
    holders: Tensor
    order: Tensor
    back: Tensor

    def room(self, size: int, dtype: torch.dtype) -> Tensor:
        """Memory for a value of packed rows, and behind it a row of zeros."""
        (memory,) = kept(len(self.places) + 1, [size], dtype)
        memory[-1] = 0
        return memory

    def gathered(self, value: Tensor) -> Tensor:
        """The packed rows of a value (time * batch, size)."""
        if torch.is_grad_enabled():
            return value.index_select(0, self.places)
        (memory,) = kept(len(self.places), [value.shape[1]], value.dtype)
        return torch.index_select(value, 0, self.places, out=memory)

    def spread(self, value: Tensor) -> Tensor:
        """A value of packed rows, (time * batch, size) again: zero where no step is taken.

        Nothing is copied before if it has room for one more row, as :meth:`room` gives it.
        """
        if len(value) == len(self.places):
            value = torch.cat([value, value.new_zeros(1, value.shape[1])])
        return value.index_select(0, self.holders)


def pack(used: Tensor, *, reverse: bool) -> Packed:
    """Leave out the steps that are not used.

    Args:
        used: (time, batch) bool.
        reverse: Whether steps are taken from the last to the first.

    Returns:
        The packed sequences, which nobody may change: every layer of a network packs the same batch.
    """
    return _packed(used.numpy().tobytes(), *used.shape, reverse)


@lru_cache(maxsize=8)
def _packed(used: bytes, steps: int, rows: int, reverse: bool) -> Packed:
    taken = np.frombuffer(used, dtype=bool).reshape(steps, rows)[:: -1 if reverse else 1]
    counts = taken.sum(0)
    order = np.argsort(-counts, kind="stable")
    lengths = counts[order]
    sequence, time = taken.T[order].nonzero()
    rank = np.arange(len(time)) - np.repeat(lengths.cumsum() - lengths, lengths)  # which step of its sequence
    taking = np.searchsorted(-lengths, -np.arange(lengths[0]))  # sequences with more than k steps
    starts = np.concatenate([[0], taking.cumsum()])
    places = np.empty_like(time)
    places[starts[rank] + sequence] = (steps - 1 - time if reverse else time) * rows + order[sequence]
    holders = np.full(steps * rows, len(places))
    holders[places] = np.arange(len(places))
    with torch.inference_mode(False):  # what is made in it could not be used outside later
        found = map(torch.from_numpy, (places, holders, order, np.argsort(order)))
        span = Span(int(lengths[0]), rows, starts=torch.from_numpy(starts), lengths=torch.from_numpy(lengths))
        return Packed(span, *found)
