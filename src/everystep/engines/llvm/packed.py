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

_Numbers = np.ndarray


class Sequences(NamedTuple):
    """Sequences without gaps, longest first: all their first steps, then all their second ones, and so on.

    Attributes:
        span: The steps.
        taken: Steps of all rows together.
        ends: For each sequence the packed row of its last step.
        halves: Its place in a pair of halves, (2 * batch), that a part of the state takes in turn.
        started: (batch, 1) bool: whether it has a step at all; None if all have.
    """

    span: Span
    taken: int
    ends: Tensor
    halves: Tensor
    started: Tensor | None


class Packed(NamedTuple):
    """Where everything goes.

    Attributes:
        sequences: The packed sequences.
        places: For every packed row its place in (time * batch).
        holders: For every place in (time * batch) its packed row; where no step is taken, the row behind the last.
        order: The sequences, longest first.
        back: The place of each sequence in that order.
        falling: Whether that is the order in which they came.
    """

    sequences: Sequences
    places: Tensor
    holders: Tensor
    order: Tensor
    back: Tensor
    falling: bool

    @property
    def span(self) -> Span:
        """The steps of the packed sequences."""
        return self.sequences.span

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
        return _taken(value, self.places, memory)

    def spread(self, value: Tensor) -> Tensor:
        """A value of packed rows, (time * batch, size) again: zero where no step is taken.

        Nothing is copied before if it has room for one more row, as :meth:`room` gives it.
        """
        if len(value) == len(self.places):
            value = torch.cat([value, value.new_zeros(1, value.shape[1])])
        if torch.is_grad_enabled():
            return value.index_select(0, self.holders)
        return _taken(value, self.holders, torch.empty(len(self.holders), value.shape[1], dtype=value.dtype))

    def sorted(self, part: Tensor) -> Tensor:
        """What each sequence has, longest first."""
        return part if self.falling else part.index_select(0, self.order)

    def unsorted(self, part: Tensor) -> Tensor:
        """What each sequence has, in the order in which they came."""
        return part if self.falling else part.index_select(0, self.back)


def _taken(value: Tensor, rows: Tensor, into: Tensor) -> Tensor:
    """Some rows of a tensor, copied by one thread: for so little, others take longer to come than to copy."""
    np.take(value.detach().numpy(), rows.numpy(), axis=0, out=into.numpy(), mode="clip")
    return into


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
    with torch.inference_mode(False):  # what is made in it could not be used outside later
        sequences = _sequences(lengths)
        places = np.empty_like(time)
        at = _starts(sequences)[rank] + sequence
        places[at] = (steps - 1 - time if reverse else time) * rows + order[sequence]
        return _put(sequences, places, steps * rows, order)


@lru_cache(maxsize=8)
def pack_lengths(lengths: tuple[int, ...], steps: int, reverse: bool) -> Packed:
    """Leave out the steps behind the end of each sequence; as :func:`pack` does, at less cost.

    Args:
        lengths: Steps of each sequence, not all of them 0.
        steps: Of the batch.
        reverse: Whether steps are taken from the last to the first.
    """
    counts = np.array(lengths)
    order = np.argsort(-counts, kind="stable")
    falling = counts[order]
    step = np.arange(falling[0]).reshape(-1, 1)
    time = falling - 1 - step if reverse else step
    with torch.inference_mode(False):
        places = (time * len(counts) + order)[step < falling]
        return _put(_sequences(falling), places, steps * len(counts), order)


@lru_cache(maxsize=8)
def sequences_of(sizes: bytes) -> Sequences:
    """Sequences that are packed already.

    Args:
        sizes: How many sequences take each step, in falling order, as 64-bit numbers.
    """
    batch_sizes = np.frombuffer(sizes, dtype=np.int64)
    lengths = len(batch_sizes) - np.searchsorted(batch_sizes[::-1], np.arange(batch_sizes[0]), side="right")
    with torch.inference_mode(False):
        return _sequences(lengths)


@lru_cache(maxsize=8)
def turned(sizes: bytes) -> Packed:
    """The same, taken from the last step of each sequence to its first; turned twice, they lie as before."""
    sequences = sequences_of(sizes)
    assert sequences.span.lengths is not None
    lengths, step = sequences.span.lengths.numpy(), np.arange(sequences.span.steps).reshape(-1, 1)
    each = np.arange(len(lengths))
    places = (_starts(sequences)[np.maximum(lengths - 1 - step, 0)] + each)[step < lengths]
    with torch.inference_mode(False):
        return _put(sequences, places, len(places), each)


def _sequences(lengths: _Numbers) -> Sequences:
    """Sequences of lengths in falling order."""
    rows, steps = len(lengths), int(lengths[0])
    starts = np.zeros(steps + 1, dtype=np.int64)
    np.cumsum(rows - np.bincount(lengths, minlength=steps + 1)[:steps].cumsum(), out=starts[1:])
    each = np.arange(rows)
    ends, halves = starts[np.maximum(lengths - 1, 0)] + each, (lengths & 1) * rows + each
    started = None if lengths[-1] else torch.from_numpy(lengths > 0).unsqueeze(1)
    span = Span(steps, rows, starts=torch.from_numpy(starts), lengths=torch.from_numpy(lengths))
    ends[lengths == 0] = 0
    return Sequences(span, int(starts[-1]), torch.from_numpy(ends), torch.from_numpy(halves), started)


def _starts(sequences: Sequences) -> _Numbers:
    assert sequences.span.starts is not None
    return sequences.span.starts.numpy()


def _put(sequences: Sequences, places: _Numbers, every: int, order: _Numbers) -> Packed:
    """Sequences with where they came from: places for packed rows, of so many that there are."""
    holders = np.full(every, len(places))
    holders[places] = np.arange(len(places))
    falling = bool((order[1:] > order[:-1]).all())
    at, held, first, back = map(torch.from_numpy, (places, holders, order, np.argsort(order)))
    return Packed(sequences, at, held, first, back, falling)
