"""A readout inside the loop."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from everystep.cell import Cell
from everystep.layers.wrapper import Noise, Wrapper


class Readout(Wrapper):
    r"""A cell whose output is read out at every step.

    .. math:: y(t+1) = V \tilde y(t+1) + c

    A readout after the loop is an ``nn.Linear`` on y, and cheaper. Inside it is needed where what is read out is fed
    back, as by :class:`Feedback`.

    Args:
        cell: The cell inside, which puts out :math:`\tilde y`.
        output_size: Features of y.

    Example:
        >>> import torch, everystep as es
        >>> cell = es.layers.Readout(es.cells.LSTM(3, 8), 2)
        >>> es.unroll(cell, torch.randn(20, 4, 3)).y.shape
        torch.Size([20, 4, 2])
    """

    def __init__(self, cell: Cell[Any], output_size: int) -> None:
        super().__init__(cell)
        self.readout = nn.Linear(cell.output_size, output_size)
        self.output_size = output_size
        self.changes_y = True

    def change(self, place: str, value: Tensor, noise: Noise) -> Tensor:  # noqa: ARG002
        """Read out."""
        return self.readout(value) if place == "outputs" else value
