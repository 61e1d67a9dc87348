"""The likeliest symbols of every row, in one order whatever the machine: at equal scores the lower symbol first."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from everystep.errors import ArgumentError, NonFiniteError

_BLOCK = 64  # columns
_ROWS = 16  # with fewer, a pass more costs what it saves
_ROUNDING = 1e-3  # how far above 0 a log probability may lie before it is none


def likeliest(scores: Tensor, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the greatest numbers of every row.

    Args:
        scores: Log probabilities, (rows, vocabulary).
        count: How many; more than the vocabulary gives all of it.

    Returns:
        Their values in float64, falling, and their columns: both (rows, count).

    Raises:
        NonFiniteError: A score is NaN.
        ArgumentError: A score is above 0.

    Example:
        >>> import torch
        >>> from everystep.seq2seq.search.top import likeliest
        >>> likeliest(torch.tensor([[-2.0, -1.0, -1.0, -1.0]]), 2)[1]
        array([[1, 2]])
    """
    size = scores.shape[1]
    count = min(count, size)
    values, columns = _on_host(*_greatest(scores, min(count + 1, size)))
    check(values)
    if (values[:, 1:] == values[:, :-1]).any():
        return _in_order(scores, values, columns, count)
    return values[:, :count], columns[:, :count]


def _in_order(scores: Tensor, values: np.ndarray, columns: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Choose and order anew where numbers are equal; one more than ``count`` was found, if there is one more."""
    if values.shape[1] > count:
        torn = (values[:, count - 1] == values[:, count]) & (values[:, count] > -np.inf)
        values, columns = values[:, :count], columns[:, :count]
        if torn.any():
            columns[torn] = _lowest(scores[torch.from_numpy(torn).to(scores.device)], values[torn], columns[torn])
    order = np.lexsort((columns, -values))
    return np.take_along_axis(values, order, 1), np.take_along_axis(columns, order, 1)


def _greatest(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Find the greatest numbers of every row, falling; of equal ones any.

    The greatest ``count`` numbers lie in the ``count`` blocks with the greatest maxima: for a number in another block,
    each of these blocks holds one that is no less. Finding maxima is several times faster than ordering.
    """
    rows, size = scores.shape
    blocks = size // _BLOCK
    if rows < _ROWS or blocks < 4 * count:
        return scores.topk(count, dim=1)
    inside = scores[:, : blocks * _BLOCK].unflatten(1, (blocks, _BLOCK))
    chosen = inside.amax(2).topk(count, dim=1, sorted=False).indices  # (rows, count)
    each = torch.arange(_BLOCK, device=scores.device)
    rest = torch.arange(blocks * _BLOCK, size, device=scores.device).expand(rows, -1)
    columns = torch.cat([(chosen[:, :, None] * _BLOCK + each).flatten(1), rest], 1)
    values, places = scores.gather(1, columns).topk(count, dim=1)
    return values, columns.gather(1, places)


def check(values: np.ndarray) -> None:
    """Refuse what can't be log probabilities."""
    greatest = values.max(initial=-np.inf)  # NaN if any is
    if greatest <= _ROUNDING:
        return
    if np.isnan(greatest):
        row = int(np.isnan(values).any(1).argmax())
        raise NonFiniteError(
            f"search: the log probabilities of row {row} hold NaN; the model is broken, or a source without positions "
            "went through a softmax over them."
        )
    raise ArgumentError(
        f"search: a log probability is {greatest:.4g}; expected 0 or less: pass what the readout gives through "
        "torch.log_softmax."
    )


def _lowest(scores: Tensor, values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Choose anew among columns that share the least value taken: the lowest of them."""
    least = torch.from_numpy(values[:, -1:]).to(scores)
    size, count = scores.shape[1], values.shape[1]
    numbers = torch.where(scores == least, torch.arange(size, device=scores.device), size)
    lowest = numbers.topk(count, dim=1, largest=False).values.cpu().numpy()  # rising
    sure = (values > values[:, -1:]).sum(1)  # how many lie above it
    place = np.arange(count)[None] - sure[:, None]
    return np.where(place < 0, columns, np.take_along_axis(lowest, np.maximum(place, 0), 1))


def _on_host(values: Tensor, columns: Tensor) -> tuple[np.ndarray, np.ndarray]:
    return values.double().cpu().numpy(), columns.cpu().numpy()
