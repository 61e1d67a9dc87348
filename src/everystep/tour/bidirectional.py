"""Two directions joined at each step, and what one direction can and can't do."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from everystep.cells import LinearSystem
from everystep.tour.descent import descend
from everystep.unroll import unroll

T = 20
ROWS = 50_000  # fresh sequences to judge on


def neighbours(rows: int, generator: torch.Generator, steps: int = T) -> tuple[Tensor, Tensor]:
    """Draw x(t) from N(0, 1) and ``y(t) = x(t-1) + x(t+1)``, with x = 0 before the first step and after the last.

    Returns:
        x and y, each (steps, rows, 1), float64.
    """
    x = torch.randn(steps, rows, 1, generator=generator, dtype=torch.float64)
    nothing = torch.zeros_like(x[:1])
    return x, torch.cat([nothing, x[:-1]]) + torch.cat([x[1:], nothing])


class OneDirection(nn.Module):
    """A linear system from left to right: ŷ(t) knows x(1) ... x(t)."""

    def __init__(self) -> None:
        super().__init__()
        self.forwards = LinearSystem(1, 3, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Give ŷ, (time, batch, 1)."""
        return unroll(self.forwards, x).y


class OneStepLate(OneDirection):
    """The same system read one step late: ŷ(t) is what it says at step t + 1, and so knows x(t+1)."""

    def forward(self, x: Tensor) -> Tensor:
        """Give ŷ, (time, batch, 1)."""
        return super().forward(torch.cat([x, torch.zeros_like(x[:1])]))[1:]


class TwoDirections(nn.Module):
    """One linear system from left to right and one from right to left, added at each step."""

    def __init__(self) -> None:
        super().__init__()
        self.forwards = LinearSystem(1, 2, 1, bias=False)
        self.backwards = LinearSystem(1, 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Give ŷ, (time, batch, 1)."""
        return unroll(self.forwards, x).y + unroll(self.backwards, x, reverse=True).y


def compute() -> tuple[dict[str, Any], dict[str, Any]]:
    """Fit the three models from random weights; give their errors on fresh sequences, overall and step by step."""
    x, y = neighbours(ROWS, torch.Generator().manual_seed(1))
    errors = {model: _by_step(_fitted(model), x, y) for model in (OneDirection, OneStepLate, TwoDirections)}
    one, late, two = (errors[model] for model in (OneDirection, OneStepLate, TwoDirections))
    figures = {
        "T": T,
        "samples": ROWS * T,
        "one_direction_mse": one.mean().item(),
        "one_direction_standard_error": _standard_error(one),
        "floor": (T - 1) / T,
        "two_directions_mse": (two.mean() / y.square().mean()).item(),
        "one_step_late_mse": (late.mean() / y.square().mean()).item(),
    }
    return figures, {"one_direction": one.tolist(), "one_step_late": late.tolist(), "two_directions": two.tolist()}


def _standard_error(by_step: Tensor) -> float:
    """Tell how far a mean of squares of independent normal errors may lie from its expectation: E(e⁴) = 3 E(e²)²."""
    return (2 * by_step.square().sum() / ROWS).sqrt().item() / T


def _fitted(model: type[nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    network = model().double()
    x, y = neighbours(500, torch.Generator().manual_seed(0))
    descend(network, lambda: network(x), y)
    return network


def _by_step(network: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    with torch.no_grad():
        return (network(x) - y).square().mean((1, 2))
