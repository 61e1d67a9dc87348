"""DropConnect: weights are dropped, not what they multiply."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from everystep.cell import Cell
from everystep.errors import unknown
from everystep.layers.wrapper import Wrapper, check_rates


class WeightDrop(Wrapper):
    r"""A cell some of whose weights are dropped, the same ones at every step and for the whole batch.

    .. math:: W' = m \odot W, \quad m \sim \mathrm{Bernoulli}(1 - p) / (1 - p)

    Dropped recurrent weights regularise the recurrence and leave what is carried from step to step alone, whatever the
    cell. The mask is drawn once for each call, before the loop; while the cell is not being trained nothing is dropped.

    The parameters become parametrizations of torch: ``cell.W`` reads the weights with their mask, and what is trained
    and saved is ``cell.parametrizations.W.original``.

    Args:
        cell: The cell inside; its parameters are changed in place.
        rates: p for each parameter by name, 0 or more and less than 1: ``W=0.5``.

    Raises:
        UnknownNameError: The cell has no such parameter.
        ArgumentError: A rate is no probability.

    Example:
        >>> import torch, everystep as es
        >>> cell = es.layers.WeightDrop(es.cells.LSTM(3, 8), W=0.5)
        >>> out = es.unroll(cell, torch.randn(20, 4, 3))
        >>> (cell.cell.W == 0).float().mean() > 0.2
        tensor(True)

    Source: Wan et al. (2013), "Regularization of neural networks using DropConnect"; on recurrent weights: Merity,
    Keskar & Socher (2018), "Regularizing and optimizing LSTM language models".
    """

    def __init__(self, cell: Cell[Any], **rates: float) -> None:
        check_rates("WeightDrop", rates, below=True)
        super().__init__(cell)
        self.masks: list[_Mask] = []
        for name, rate in rates.items():
            self._drop(name, rate)

    @property
    def draws(self) -> bool:
        """Whether something is drawn for an unroll."""
        return (self.training and bool(self.masks)) or super().draws

    def noised(self, x: Any, context: Any = None) -> tuple[Any, Any]:
        """Draw which weights are dropped; they belong to no step and no row."""
        if self.training:
            for mask in self.masks:
                mask.draw()
        return super().noised(x, context)

    def _drop(self, name: str, rate: float) -> None:
        path, _, last = name.rpartition(".")
        modules = dict(self.cell.named_modules())
        module = modules.get(path)
        weight = getattr(module, last, None)
        if module is None or not isinstance(weight, Tensor):
            raise unknown("WeightDrop", "parameter", name, [n for n, _ in self.cell.named_parameters()])
        mask = _Mask(rate, weight)
        parametrize.register_parametrization(module, last, mask)
        self.masks.append(mask)


class _Mask(nn.Module):
    """What is left of weights: a parametrization that draws only when told to."""

    mask: Tensor

    def __init__(self, rate: float, weight: Tensor) -> None:
        super().__init__()
        self.rate = rate
        self.register_buffer("mask", torch.ones_like(weight, requires_grad=False), persistent=False)

    def draw(self) -> None:
        with torch.no_grad():
            self.mask.bernoulli_(1 - self.rate).div_(1 - self.rate)

    def forward(self, weight: Tensor) -> Tensor:
        # a copy, since the mask of the next call is written over this one, which a backward pass may still need
        return weight * self.mask.clone() if self.training else weight
