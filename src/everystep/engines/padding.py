"""What a step that is not used is given, so that nothing it computes can do harm.

Padding may hold anything, NaN included. Its results are selected away, but in the backward pass a
zero times a NaN is a NaN again, so padding must never enter a step. In its place goes the x of a step that
*is* used: what the step makes of it is as finite there as it is elsewhere.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from everystep.engines.stepping import each_stream


def select(where: Tensor, chosen: Tensor, otherwise: Tensor | float) -> Tensor:
    """Choose by a mask over the leading axes: ``chosen`` where true, ``otherwise`` elsewhere."""
    axes = (1,) * (chosen.ndim - where.ndim)
    return torch.where(where.reshape(*where.shape, *axes), chosen, otherwise)


def fill_unused(x: Any, used: Tensor) -> Any:
    """Replace the x of unused steps by that of a used one.

    Args:
        x: (time, batch, input), or a NamedTuple of such streams.
        used: (time, batch) bool.

    Returns:
        x with every unused entry taken from the sequence's nearest earlier used step, else from its first;
        from another sequence where it has none; zero where no step is used at all.
    """
    if used.numel() == 0:
        return x
    time, row = _sources(used)
    return each_stream(lambda stream: select(used.any(), stream[time, row], 0), x)


def _sources(used: Tensor) -> tuple[Tensor, Tensor]:
    steps, rows = used.shape
    time = torch.arange(steps, device=used.device).unsqueeze(1)  # (time, 1)
    latest = torch.where(used, time, -1).cummax(0).values  # (time, batch), -1 before the first
    first = used.long().argmax(0)  # (batch,)
    time = torch.where(latest >= 0, latest, first)
    any_used = used.any(0)
    lender = used.long().flatten().argmax()  # the first used step of all
    time = torch.where(any_used, time, lender // rows)
    row = torch.where(any_used, torch.arange(rows, device=used.device), lender % rows).expand_as(time)
    return time, row
