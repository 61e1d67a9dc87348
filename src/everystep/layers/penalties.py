"""Penalties on what a layer puts out: that it is large, and that it changes fast."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

import torch
from torch import Tensor

from everystep.engines.padding import select
from everystep.unroll import arguments


def activity(values: Tensor, lengths: Tensor | Iterable[int] | None = None, mask: Tensor | None = None) -> Tensor:
    r"""Tell how large values are: the mean of their squares over all steps that are taken (AR).

    .. math:: \frac{1}{N} \sum_t \lVert h(t) \rVert^2

    Args:
        values: y, or a state part or tap that was recorded, (time, batch, size).
        lengths: As for ``unroll``.
        mask: As for ``unroll``.

    Returns:
        A scalar; add it to the loss, times a factor α.

    Example:
        >>> import torch, everystep as es
        >>> out = es.unroll(es.cells.LSTM(3, 8), torch.randn(20, 4, 3), lengths=[20, 7, 0, 12])
        >>> penalty = 2.0 * es.layers.activity(out.y, lengths=[20, 7, 0, 12])

    Source: Merity, McCann & Socher (2017), "Revisiting activation regularization for language RNNs".
    """
    return _mean_square(values, _used("activity", values, lengths, mask))


def temporal_activity(
    values: Tensor, lengths: Tensor | Iterable[int] | None = None, mask: Tensor | None = None
) -> Tensor:
    r"""Tell how fast values change: the mean square of their difference from step to step (TAR).

    .. math:: \frac{1}{N} \sum_t \lVert h(t+1) - h(t) \rVert^2

    Args:
        values: y, or a state part or tap that was recorded, (time, batch, size).
        lengths: As for ``unroll``.
        mask: As for ``unroll``; a difference counts where both its steps are taken.

    Returns:
        A scalar; add it to the loss, times a factor β.

    Example:
        >>> import torch, everystep as es
        >>> stack = es.layers.Recurrent(es.cells.LSTM, [3, 8, 8])
        >>> out = stack(torch.randn(20, 4, 3), record=["layer1.forward.h"])
        >>> penalty = 1.0 * es.layers.temporal_activity(out.record["layer1.forward.h"])

    Source: Merity, McCann & Socher (2017), "Revisiting activation regularization for language RNNs".
    """
    used = _used("temporal_activity", values, lengths, mask)
    return _mean_square(values[1:] - values[:-1], used[1:] & used[:-1])


def _used(who: str, values: Tensor, lengths: Tensor | Iterable[int] | None, mask: Tensor | None) -> Tensor:
    steps, rows = values.shape[:2]
    used = arguments.used_steps(who, steps, rows, lengths, mask, values.device)
    return torch.ones(steps, rows, dtype=torch.bool, device=values.device) if used is None else used


def _mean_square(values: Tensor, used: Tensor) -> Tensor:
    total = select(used, values, 0).square().sum()
    return total / (used.sum() * prod(values.shape[2:])).clamp(min=1)
