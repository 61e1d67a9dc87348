"""What each row may go on with: its likeliest symbols, less those that may not come."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from everystep.errors import ArgumentError
from everystep.seq2seq.search.limits import FREE
from everystep.seq2seq.search.top import check, likeliest


class Candidates(NamedTuple):
    """Symbols that may follow, likeliest first; -inf where one may not."""

    log_probabilities: np.ndarray  # (rows, candidates) float64
    symbols: np.ndarray  # (rows, candidates)


def candidates(scores: Tensor, count: int | None, banned: np.ndarray, only: np.ndarray | None) -> Candidates:
    """Find at least the ``count`` likeliest symbols that may follow each row.

    Args:
        scores: Log probabilities, (rows, vocabulary).
        count: How many; ``None`` takes the whole vocabulary in its own order.
        banned: (rows or 1 for all, any number) symbols that may not follow, FREE for none.
        only: (rows,) the one symbol that has to follow, FREE where any may; None where all are free.
    """
    if count is None:
        values = scores.double().cpu().numpy()
        check(values)
        symbols = np.broadcast_to(np.arange(scores.shape[1]), values.shape)
    else:
        # As many more as are banned: even if all those were the likeliest, enough remain.
        values, symbols = likeliest(scores, count + banned.shape[1])
    gone = (symbols[:, :, None] == banned[:, None, :]).any(-1)
    found = Candidates(np.where(gone, -np.inf, values), symbols)
    if only is None:
        return found
    forced = only != FREE
    return _only(scores, found, forced, only) if forced.any() else found


def _only(scores: Tensor, found: Candidates, forced: np.ndarray, only: np.ndarray) -> Candidates:
    if only.max() >= scores.shape[1]:
        raise ArgumentError(
            f"search: prefix holds symbol {only.max()}; expected numbers below {scores.shape[1]}, the vocabulary."
        )
    rows = torch.from_numpy(np.flatnonzero(forced)).to(scores.device)
    symbols, values = found.symbols.copy(), found.log_probabilities
    values[forced], symbols[forced, 0] = -np.inf, only[forced]
    values[forced, 0] = scores[rows, torch.from_numpy(only[forced]).to(scores.device)].double().cpu().numpy()
    return Candidates(values, symbols)
