"""Rows of a batch, as a caller names them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from everystep.errors import ArgumentError

Array = np.ndarray[Any, Any]


def some_rows(who: str, rows: Any, many: int) -> Tensor:
    """Check numbers of rows, or a bool for each, and give them as a tensor.

    Example:
        >>> from everystep.unroll.chosen_rows import some_rows
        >>> some_rows("Stream", [0, 2], many=3)
        tensor([0, 2])
    """
    try:
        chosen = torch.as_tensor(rows)
    except (TypeError, ValueError, RuntimeError):
        chosen = torch.empty(0, dtype=torch.complex64)
    if chosen.dtype == torch.bool and chosen.shape == (many,):
        return chosen
    whole = not (chosen.is_floating_point() or chosen.is_complex() or chosen.dtype == torch.bool)
    if chosen.numel() == 0 and chosen.ndim == 1 and isinstance(rows, list):
        return chosen.long()
    if not whole or chosen.ndim > 1 or ((chosen < 0) | (chosen >= many)).any():
        raise ArgumentError(f"{who}: reset got rows {rows!r}; expected numbers 0..{many - 1}, or (batch={many},) bool.")
    return chosen.long()


def a_row_each(who: str, rows: Any, many: int) -> Array:
    """Check numbers of rows, one for each row, and give them as an array.

    Example:
        >>> from everystep.unroll.chosen_rows import a_row_each
        >>> a_row_each("Stream", [1, 1, 0], many=3).tolist()
        [1, 1, 0]
    """
    try:
        chosen = np.asarray(rows)
    except (TypeError, ValueError, RuntimeError):
        chosen = np.empty(0, dtype=object)
    chosen = chosen if chosen.size else chosen.astype(np.int64)  # an empty list is one of floats
    if chosen.dtype.kind not in "iu" or chosen.shape != (many,) or ((chosen < 0) | (chosen >= many)).any():
        raise ArgumentError(f"{who}: select got rows {rows!r}; expected (batch={many},) numbers 0..{many - 1}.")
    return chosen
