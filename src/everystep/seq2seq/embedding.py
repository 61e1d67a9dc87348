"""Symbols as vectors."""

from __future__ import annotations

import math

from torch import nn


def embedding(symbols: int, size: int) -> nn.Embedding:
    """Make an embedding whose vectors have about length 1, so that it can read out as well as in.

    Args:
        symbols: Size of the vocabulary.
        size: Features of a vector.

    Example:
        >>> from everystep.seq2seq import embedding
        >>> embedding(symbols=100, size=16)
        Embedding(100, 16)
    """
    made = nn.Embedding(symbols, size)
    nn.init.normal_(made.weight, std=1 / math.sqrt(max(size, 1)))
    return made
