"""The notes' worked example, y(t) = x(t) + x(t-1) + x(t-2), and the recurrent network that solves it."""

from __future__ import annotations

import torch
from torch import Tensor

from everystep.cells import LinearSystem


def last_three(x: Tensor) -> Tensor:
    """Give the target, with x(t) = 0 before the first step.

    Args:
        x: (time, batch, 1).

    Returns:
        y, of the same shape.

    Example:
        >>> import torch
        >>> from everystep.tour.worked_example import last_three
        >>> last_three(torch.arange(1.0, 6).reshape(5, 1, 1)).flatten().tolist()
        [1.0, 3.0, 6.0, 9.0, 12.0]
    """
    before = torch.cat([torch.zeros_like(x[:1]), torch.zeros_like(x[:1]), x])
    return x + before[1 : 1 + len(x)] + before[: len(x)]


def normal(steps: int, rows: int, seed: int) -> Tensor:
    """Draw x(t) from N(0, 1), independent: (steps, rows, 1), float64."""
    return torch.randn(steps, rows, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def model3() -> LinearSystem:
    """Give Model 3 as the notes write it, in float64: the state is a shift register of the last three inputs."""
    cell = LinearSystem(1, 3, 1, bias=False).double()
    with torch.no_grad():
        cell.W.copy_(torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]))
        cell.U.copy_(torch.tensor([[1.0], [0], [0]]))
        cell.V.copy_(torch.tensor([[1.0, 1, 1]]))
    return cell


def relative_mse(found: Tensor, target: Tensor) -> float:
    """Give the mean squared error as a share of the target's mean square."""
    return ((found - target).square().mean() / target.square().mean()).item()
