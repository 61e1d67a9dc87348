"""``unroll`` over data that torch has packed: the longest sequence first, all first steps, then all second ones."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from everystep.unroll.choosing import FASTEST, run_packed
from everystep.unroll.unroll import Unrolled, unroll


def unroll_packed(
    cell: Any, data: Tensor, batch_sizes: Tensor, state: Any = None, *, reverse: bool = False
) -> Unrolled[Any]:
    """Run a cell over packed sequences.

    Args:
        cell: As :func:`~everystep.unroll` takes it; one that draws nothing.
        data: (steps of all sequences, input): of a PackedSequence.
        batch_sizes: (time,): how many sequences take each step.
        state: The state before the first step, the longest sequence first.
        reverse: Run from the last step of each sequence to its first.

    Returns:
        What unroll returns, but y is packed as ``data`` is; the state has the longest sequence first.
    """
    quick = run_packed(cell, data, batch_sizes, state, reverse=reverse)
    if quick is not None:
        y, last, why = quick
        return Unrolled(y, last, {}, FASTEST, why)
    lengths = lengths_of(batch_sizes)
    padded = pad_packed_sequence(PackedSequence(data, batch_sizes))[0]
    out = unroll(cell, padded, state, lengths=lengths, reverse=reverse)
    return Unrolled(pack_padded_sequence(out.y, lengths).data, out.state, {}, out.engine, out.why)


def lengths_of(batch_sizes: Tensor) -> Tensor:
    """Steps of each sequence, (batch,), falling."""
    rows = torch.arange(int(batch_sizes[0]))
    return (batch_sizes.unsqueeze(1) > rows).sum(0)
