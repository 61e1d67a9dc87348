"""Descend along the gradient to the bottom of a smooth error, in float64."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def descend(network: nn.Module, predict: Callable[[], Tensor], target: Tensor, steps: int = 300) -> None:
    """Fit a network's parameters to the smallest mean squared error, by L-BFGS from where they are.

    Args:
        network: Its parameters are changed in place.
        predict: Runs the network on the training inputs.
        target: What ``predict`` should give.
        steps: At most so many directions of descent; it ends earlier at the bottom.
    """
    optimizer = torch.optim.LBFGS(
        network.parameters(),
        max_iter=steps,
        history_size=50,
        tolerance_grad=1e-13,
        tolerance_change=1e-18,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (predict() - target).square().mean()
        loss.backward()
        return loss

    optimizer.step(closure)  # type: ignore[arg-type]
