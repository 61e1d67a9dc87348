"""Checkpoint averaging: the mean of the weights after several epochs, often better than each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from everystep.train.standing import Epoch

AVERAGED = ("best", "last")


def chosen(history: Sequence[Epoch], count: int, which: str) -> list[int]:
    """Choose the epochs whose weights are averaged.

    Args:
        history: The epochs so far.
        count: How many.
        which: ``"best"``, those of the lowest validation, or ``"last"``.

    Returns:
        Their numbers, rising.

    Example:
        >>> from everystep.train.averaging import chosen
        >>> from everystep.train import Epoch
        >>> history = [Epoch(number, 0.0, value, 0.1) for number, value in [(1, 3.0), (2, 1.0), (3, 2.0)]]
        >>> chosen(history, 2, "best"), chosen(history, 1, "last")
        ([2, 3], [3])
    """
    told = [(epoch.validation if which == "best" else -epoch.number, epoch.number) for epoch in history]
    return sorted(number for _, number in sorted(told, key=lambda one: (one[0] or 0.0, one[1]))[:count])


def averaged(weights: Mapping[int, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Average weights, by epoch, in float64 and in the order of the epochs; whole numbers are those of the last.

    Source: Sennrich, Haddow & Birch (2016), "Edinburgh neural machine translation systems for WMT 16", section 2.4;
    Izmailov et al. (2018), "Averaging weights leads to wider optima and better generalization".

    Example:
        >>> import torch
        >>> from everystep.train.averaging import averaged
        >>> averaged({1: {"W": torch.tensor([1.0])}, 2: {"W": torch.tensor([2.0])}})
        {'W': tensor([1.5000])}
    """
    epochs = sorted(weights)
    return {
        name: _mean([weights[epoch][name] for epoch in epochs]) if value.is_floating_point() else value
        for name, value in weights[epochs[-1]].items()
    }


def _mean(values: list[Tensor]) -> Tensor:
    return torch.stack([value.double() for value in values]).mean(0).to(values[0].dtype)
