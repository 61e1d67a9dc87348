"""Sequences of unlike length, or used in places only, as a batch without gaps.

A step that is not used does nothing, so a sequence is its used steps, one after another. Sequences are sorted by how
many they have; then step k is taken by the first ``starts[k + 1] - starts[k]`` of them, and no padding is ever touched.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from everystep.engines.llvm.programs import Span


class Packed(NamedTuple):
    """Where everything goes.

    Attributes:
        span: Of the packed sequences.
        places: For every packed row its place in (time * batch).
        order: The sequences, longest first.
        back: The place of each sequence in that order.
    """

    span: Span
    places: Tensor
    order: Tensor
    back: Tensor


def pack(used: Tensor, *, reverse: bool) -> Packed:
    """Leave out the steps that are not used.

    Args:
        used: (time, batch) bool.
        reverse: Whether steps are taken from the last to the first.

    Returns:
        The packed sequences.
    """
    steps, rows = used.shape
    counts = used.sum(0)
    order = counts.argsort(descending=True, stable=True)
    in_order = used.flip(0) if reverse else used
    time, sequence = in_order[:, order].nonzero(as_tuple=True)
    rank = (in_order[:, order].cumsum(0) - 1)[time, sequence]
    longest = int(counts.max()) if rows else 0
    taking = (counts.unsqueeze(0) > torch.arange(longest, device=used.device).unsqueeze(1)).sum(1)
    starts = torch.cat([taking.new_zeros(1), taking.cumsum(0)])
    places = torch.empty_like(time)
    places[starts[rank] + sequence] = (steps - 1 - time if reverse else time) * rows + order[sequence]
    return Packed(Span(longest, rows, starts=starts, lengths=counts[order]), places, order, order.argsort())
