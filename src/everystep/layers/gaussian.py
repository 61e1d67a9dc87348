"""Gaussian noise on what enters a step and what leaves it."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from everystep.cell import Cell
from everystep.errors import ArgumentError
from everystep.layers.wrapper import Noise, Wrapper


class GaussianNoise(Wrapper):
    r"""A cell disturbed by Gaussian noise, drawn anew for every step.

    .. math:: s(t+1),\ y = \mathrm{step}(s(t) + \varepsilon_s,\ x(t+1) + \varepsilon_x), \quad y(t+1) = y +
        \varepsilon_y, \quad \varepsilon \sim \mathcal{N}(0, \sigma^2)

    The noise is drawn for all steps before the loop. While the cell is not being trained there is none.

    Args:
        cell: The cell inside.
        inputs: σ of the noise on x, 0 or more.
        outputs: σ of the noise on y.
        sigmas: σ for each part of the state by name, on what the step sees of it.

    Raises:
        UnknownNameError: The state has no such part.
        ArgumentError: σ is negative.

    Example:
        >>> import torch, everystep as es
        >>> cell = es.layers.GaussianNoise(es.cells.GRU(3, 8), inputs=0.1, h=0.05)
        >>> es.unroll(cell, torch.randn(20, 4, 3)).y.shape
        torch.Size([20, 4, 8])

    Source: Jim, Giles & Horne (1996), "An analysis of noise in recurrent neural networks: convergence and
    generalization".
    """

    def __init__(self, cell: Cell[Any], *, inputs: float = 0.0, outputs: float = 0.0, **sigmas: float) -> None:
        sigmas = {"inputs": inputs, "outputs": outputs, **sigmas}
        for place, sigma in sigmas.items():
            if not isinstance(sigma, int | float) or not 0 <= sigma < float("inf"):
                raise ArgumentError(f"GaussianNoise: {place} is {sigma!r}; expected a standard deviation, 0 or more.")
        super().__init__(cell, steps=sigmas)

    def drawn(self, much: float, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Draw the noise."""
        return like.new_empty(shape, requires_grad=False).normal_(0, much)

    def change(self, place: str, value: Tensor, noise: Noise) -> Tensor:
        """Add noise."""
        return value + noise[place] if place in noise else value
