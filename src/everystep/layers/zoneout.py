"""Zoneout: now and then a unit does not move."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from everystep.cell import Cell
from everystep.errors import ArgumentError, unknown
from everystep.layers.wrapper import Noise, Wrapper, check_rates


class Zoneout(Wrapper):
    r"""A cell some of whose state stays as it was, at random at every step.

    .. math::
        s(t+1) &= m \odot s(t) + (1 - m) \odot \tilde s(t+1), \quad m \sim \mathrm{Bernoulli}(p)
            && \text{while it is trained} \\
        s(t+1) &= p\, s(t) + (1 - p)\, \tilde s(t+1) && \text{otherwise: the expectation}

    :math:`\tilde s(t+1)` is what the cell inside makes of s(t). Where its y is a part of the state, as h is of an LSTM,
    y is that part after zoneout. The mask is drawn for all steps before the loop.

    Args:
        cell: The cell inside.
        rates: p for each part of the state by name, 0 to 1; a part that is not named moves always.

    Raises:
        UnknownNameError: The state has no such part.
        ArgumentError: p is no probability; or the cell inside drops or disturbs its outputs, which then are no part of
            the state: wrap the other way round.

    Example:
        >>> import torch, everystep as es
        >>> cell = es.layers.Zoneout(es.cells.LSTM(3, 8), c=0.5, h=0.05)
        >>> es.unroll(cell, torch.randn(20, 4, 3)).y.shape
        torch.Size([20, 4, 8])

    Source: Krueger et al. (2017), "Zoneout: regularizing RNNs by randomly preserving hidden activations". Its LSTM
    keeps h by the same rule; in its code some variants share one mask for c and h, here each has its own.
    """

    def __init__(self, cell: Cell[Any], **rates: float) -> None:
        check_rates("Zoneout", rates, below=False)
        super().__init__(cell, steps=rates)
        for part in rates:
            if part not in self.part_sizes:
                raise unknown("Zoneout", "state part", part, self.part_sizes)
        if isinstance(cell, Wrapper) and cell.changes_y:
            raise ArgumentError(
                f"Zoneout: {type(cell).__name__} inside changes outputs, so y would not see zoneout: put Zoneout "
                f"inside, {type(cell).__name__}(Zoneout(...), ...)."
            )

    def drawn(self, much: float, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Draw where the state stays."""
        return torch.rand(shape, device=like.device) < much

    def around(self, noise: Noise, state: Any, x: Any, *context: Any) -> tuple[Any, Tensor]:
        """Take a step, and leave some of the state where it was."""
        after, y = self.cell.step(state, x, *context)
        left = {part: self._left(part, getattr(state, part), getattr(after, part), noise) for part in self.steps}
        y = next((value for part, value in left.items() if y is getattr(after, part)), y)
        return after._replace(**left), y

    def _left(self, part: str, before: Tensor, after: Tensor, noise: Noise) -> Tensor:
        if self.training:
            return torch.where(noise[part], before, after)
        p = self.steps[part]
        return p * before + (1 - p) * after
