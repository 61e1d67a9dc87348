"""Sequences of different lengths side by side in one tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from everystep.text.symbols import BEGIN, PAD


class Padded(NamedTuple):
    """Sequences side by side, time-major, with padding after each."""

    numbers: Tensor  # (time, batch) int64
    lengths: Tensor  # (batch,) int64


class PairBatch(NamedTuple):
    """A batch of pairs; the last symbol of every sequence is the end."""

    source: Tensor  # (source time, batch) int64
    source_lengths: Tensor  # (batch,) int64
    target: Tensor  # (target time, batch) int64  what is to come out
    target_lengths: Tensor  # (batch,) int64

    @property
    def entering(self) -> Tensor:
        """What enters a decoder that is taught: the target one step later, after the begin, (target time, batch)."""
        return shift(self.target)


def shift(target: Tensor) -> Tensor:
    """Put the begin symbol before a target and drop its last row: what enters step t is what came out of t - 1.

    Example:
        >>> import torch
        >>> from everystep.text import shift
        >>> shift(torch.tensor([[7, 8], [3, 9], [0, 3]])).tolist()
        [[2, 2], [7, 8], [3, 9]]
    """
    return torch.cat([target.new_full((1, target.shape[1]), BEGIN), target])[: len(target)]


def pad(sequences: Sequence[np.ndarray | Sequence[int]]) -> Padded:
    """Put sequences side by side.

    Args:
        sequences: Whole numbers; a sequence may be empty, and there may be none.

    Returns:
        The tensor, as long as the longest sequence, and the lengths.

    Example:
        >>> from everystep.text import pad
        >>> pad([[4, 5, 3], [3]]).numbers.tolist()
        [[4, 3], [5, 0], [3, 0]]
    """
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    rows = np.full((len(sequences), lengths.max(initial=0)), PAD, dtype=np.int64)
    for row, sequence in zip(rows, sequences, strict=True):
        row[: len(sequence)] = sequence
    return Padded(torch.from_numpy(np.ascontiguousarray(rows.T)), torch.from_numpy(lengths))
