"""What a step that is not used is given, so that nothing it computes can do harm.

Padding may hold anything, NaN included. Its results are selected away, but in the backward pass a
zero times a NaN is a NaN again, so padding must never enter a step. In its place a step that *is* used is repeated,
its x and the state that enters it: what the step makes of them is as finite there as it is elsewhere.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from everystep.engines.stepping import each_stream


class Sources(NamedTuple):
    """For every place the used step that stands there: itself where it is used."""

    time: Tensor  # (time, batch)
    row: Tensor  # (time, batch)


def select(where: Tensor, chosen: Tensor, otherwise: Tensor | float) -> Tensor:
    """Choose by a mask over the leading axes: ``chosen`` where true, ``otherwise`` elsewhere."""
    axes = (1,) * (chosen.ndim - where.ndim)
    return torch.where(where.reshape(*where.shape, *axes), chosen, otherwise)


def sources(used: Tensor) -> Sources:
    """Find what stands in for the steps that are not used.

    Args:
        used: (time, batch) bool, in the order in which steps are taken.

    Returns:
        The sequence's latest used step, before its first that one, and the first used step of another sequence
        where it has none. Without meaning where no step is used at all.
    """
    if used.numel() == 0:
        return Sources(used.long(), used.long())
    steps, rows = used.shape
    time = torch.arange(steps, device=used.device).unsqueeze(1)  # (time, 1)
    latest = torch.where(used, time, -1).cummax(0).values  # (time, batch), -1 before the first
    first = used.long().argmax(0)  # (batch,)
    time = torch.where(latest >= 0, latest, first)
    any_used = used.any(0)
    lender = used.long().flatten().argmax()  # the first used step of all
    time = torch.where(any_used, time, lender // rows)
    row = torch.where(any_used, torch.arange(rows, device=used.device), lender % rows).expand_as(time)
    return Sources(time, row)


def backwards(used: Tensor) -> Sources:
    """Find :func:`sources` for steps that are taken from the last to the first."""
    time, row = sources(used.flip(0))
    return Sources((used.shape[0] - 1 - time).flip(0), row.flip(0))


def fill_unused(x: Any, used: Tensor, source: Sources) -> Any:
    """Replace the x of unused steps by that of the used ones that stand in for them; by ``plain_x`` if none is used."""
    return each_stream(lambda stream: select(used.any(), stream[source.time, source.row], plain_x(stream)), x)


def plain_x(stream: Tensor) -> Tensor:
    """Make an x of one row out of nothing, for a step whose results nobody sees.

    Features are different and between 0 and 1, so that a step may divide by them, take logarithms or normalise.
    """
    features = stream.shape[2:]
    if not stream.is_floating_point():
        return stream.new_zeros(features)  # an index, most likely
    inner = torch.linspace(0.5, 1, features.numel() + 2, dtype=stream.dtype, device=stream.device)[1:-1]
    return inner.reshape(features)
