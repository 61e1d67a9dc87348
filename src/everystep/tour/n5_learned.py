"""Model 3 of the worked example learnt by gradient descent, with a tanh and a gated cell beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from everystep.cells import LSTM, Elman, LinearSystem
from everystep.tour.descent import descend
from everystep.tour.worked_example import last_three, normal, relative_mse
from everystep.unroll import unroll

SEEDS = (0, 1, 2)
ROWS = 32


class Linear(nn.Module):
    """The cell of Model 3, from random weights."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = LinearSystem(1, 3, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Give ŷ, (time, batch, 1)."""
        return unroll(self.cell, x).y


class Tanh(nn.Module):
    """An Elman network with tanh, its readout linear."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = Elman(1, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Give ŷ, (time, batch, 1)."""
        return unroll(self.cell, x).y


class Gated(nn.Module):
    """An LSTM under a linear readout."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = LSTM(1, 8)
        self.readout = nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Give ŷ, (time, batch, 1)."""
        return self.readout(unroll(self.cell, x).y)


def compute(T: int, T_long: int) -> dict[str, Any]:
    """Learn from T steps, and judge on fresh sequences of T and of T_long, relative to the mean square of y.

    Returns:
        The worst of the linear system's seeds under ``mse`` and ``mse_T100000``, each seed, and one seed of the others.
    """
    seeds = [{"seed": seed, **learn(Linear, seed, T, T_long, steps=300)} for seed in SEEDS]
    return {
        "mse": max(errors["mse"] for errors in seeds),
        "mse_T100000": max(errors["mse_T100000"] for errors in seeds),
        "seeds": seeds,
        "elman": learn(Tanh, SEEDS[0], T, T_long, steps=150),
        "lstm": learn(Gated, SEEDS[0], T, T_long, steps=150),
    }


def learn(make: Callable[[], nn.Module], seed: int, T: int, T_long: int, steps: int) -> dict[str, float]:
    """Train one network from random weights; give its relative errors."""
    torch.manual_seed(seed)
    network, x = make().double(), normal(T, ROWS, seed=100 + seed)
    descend(network, lambda: network(x), last_three(x), steps=steps)
    errors = {}
    for name, steps_judged, rows in (("mse", T, 1000), ("mse_T100000", T_long, 1)):
        fresh = normal(steps_judged, rows, seed=200 + seed)
        with torch.no_grad():
            errors[name] = relative_mse(network(fresh), last_three(fresh))
    return errors
