"""Which sequences share a batch: those of like length, as many as a number of symbols allows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np


def bucket(lengths: np.ndarray) -> np.ndarray:
    """Round lengths up to the ends of buckets, each at most an eighth wider than what it holds.

    Example:
        >>> import numpy as np
        >>> from everystep.text.groups import bucket
        >>> bucket(np.array([1, 7, 16, 17, 33])).tolist()
        [1, 7, 16, 18, 36]
    """
    width = 2 ** np.maximum(np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64) - 4, 0)
    return -(-lengths // width) * width


def cut(lengths: np.ndarray, symbols: int, most: int | None) -> np.ndarray:
    """Cut a rising list of lengths into batches.

    Args:
        lengths: (n,) rising; the last of a batch is its longest.
        symbols: Most symbols of a batch, padding counted; a longer sequence is a batch of its own.
        most: Most sequences of a batch, or None.

    Returns:
        Where each batch starts, and n at the end: (batches + 1,).
    """
    starts = [0]
    for index, length in enumerate(lengths.tolist()):
        count = index + 1 - starts[-1]
        if index > starts[-1] and (count * length > symbols or (most is not None and count > most)):
            starts.append(index)
    return np.array([*starts, len(lengths)]) if len(lengths) else np.zeros(1, dtype=np.int64)


def in_groups(lengths: np.ndarray, symbols: int, most: int | None = None) -> list[np.ndarray]:
    """Group sequences of like length, the shortest first, for work that no order matters to.

    Args:
        lengths: (n,) whole numbers.
        symbols: As for :func:`cut`.
        most: As for :func:`cut`.

    Returns:
        The places of the sequences of each batch; together every place once.

    Example:
        >>> import numpy as np
        >>> from everystep.text import in_groups
        >>> [group.tolist() for group in in_groups(np.array([5, 1, 2, 5]), symbols=10)]
        [[1, 2], [0, 3]]
    """
    order = np.argsort(lengths, kind="stable")
    starts = cut(lengths[order], symbols, most)
    return [order[start:end] for start, end in pairwise(starts.tolist())]
