"""The activation functions σ that a cell can be given by name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from everystep.errors import unknown


def _identity(a: Tensor) -> Tensor:
    return a


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "identity": _identity,
}


def activation(who: str, argument: str, name: str) -> Callable[[Tensor], Tensor]:
    """Look up an activation function by name."""
    if name not in ACTIVATIONS:
        raise unknown(who, argument, name, ACTIVATIONS)
    return ACTIVATIONS[name]
