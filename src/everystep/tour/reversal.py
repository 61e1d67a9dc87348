"""The task of the sequence-to-sequence model: read symbols, then say them backwards."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SYMBOLS = 10
BOUNDARY = SYMBOLS  # starts and ends what is said
LONGEST = 12
SKIPPED = -1  # a place past the end in ``target``


@dataclass(frozen=True)
class Pairs:
    """Sequences and their reversals.

    Attributes:
        source: Symbols, (time, batch), anything past the end.
        lengths: (batch,).
        target: The reversal and a boundary, then SKIPPED: (time + 1, batch).
    """

    source: Tensor
    lengths: Tensor
    target: Tensor


def draw_pairs(shortest: int, longest: int, rows: int, generator: torch.Generator, *, held_back: bool) -> Pairs:
    """Draw random sequences, either of those that training may see or of those that are held back for the test.

    Args:
        shortest: Least length.
        longest: Greatest length.
        rows: How many to draw before the other kind is thrown away.
        generator: Where the chance comes from.
        held_back: Which kind to keep.

    Returns:
        The pairs: about 9 in 10 of ``rows``, or 1 in 10 where held back.
    """
    lengths = torch.randint(shortest, longest + 1, (rows,), generator=generator)
    source = torch.randint(0, SYMBOLS, (longest, rows), generator=generator)
    keep = is_held_back(source, lengths) == held_back
    lengths, source = lengths[keep], source[:, keep]
    return Pairs(source, lengths, _reversal(source, lengths))


def is_held_back(source: Tensor, lengths: Tensor) -> Tensor:
    """Tell by a checksum of the sequence alone whether it belongs to the test: about one in ten does.

    Whatever is drawn, and however often, a sequence is therefore never both trained on and tested.

    Args:
        source: (time, batch).
        lengths: (batch,).

    Returns:
        (batch,) bool.
    """
    place = torch.arange(source.shape[0])[:, None]
    weight = (place + 1) * 7919 % 1009  # primes, so that neighbouring sequences scatter
    checksum = ((source + 1) * weight * (place < lengths)).sum(0)
    return checksum % 1009 % 10 == 0


def _reversal(source: Tensor, lengths: Tensor) -> Tensor:
    place = torch.arange(source.shape[0] + 1)[:, None]
    mirrored = (lengths - 1 - place).clamp(min=0)
    said = torch.where(place < lengths, source.gather(0, mirrored), BOUNDARY)
    return torch.where(place <= lengths, said, SKIPPED)
