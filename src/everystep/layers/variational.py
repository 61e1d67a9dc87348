"""Variational dropout: what is dropped stays dropped for the whole sequence."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from everystep.cell import Cell
from everystep.layers.wrapper import Noise, Wrapper, check_rates


class VariationalDropout(Wrapper):
    r"""A cell some of whose features are dropped, the same ones at every step of a sequence.

    .. math:: s(t+1),\ y = \mathrm{step}(m_s \odot s(t),\ m_x \odot x(t+1)), \quad y(t+1) = m_y \odot y, \quad
        m \sim \mathrm{Bernoulli}(1 - p) / (1 - p)

    A mask is drawn for each sequence and each call, before the loop. While the cell is not being trained, nothing is
    dropped.

    A part of the state is dropped as the step sees it. That is the paper's dropout of the recurrence where a part
    enters the step through weights alone: h of an LSTM, s of an Elman network. A GRU carries h over as well, and
    forgets where it is dropped; :class:`Zoneout` and :class:`WeightDrop` leave its memory alone.

    Args:
        cell: The cell inside.
        inputs: Probability to drop a feature of x, 0 or more and less than 1.
        outputs: Probability to drop a feature of y.
        rates: Probability to drop a unit, for each part of the state by name.

    Raises:
        UnknownNameError: The state has no such part.
        ArgumentError: A rate is no probability.

    Example:
        >>> import torch, everystep as es
        >>> cell = es.layers.VariationalDropout(es.cells.LSTM(3, 8), inputs=0.2, h=0.25, outputs=0.3)
        >>> y = es.unroll(cell, torch.randn(20, 4, 3)).y
        >>> torch.equal(y[0] == 0, y[19] == 0)
        True

    Source: Gal & Ghahramani (2016), "A theoretically grounded application of dropout in recurrent neural networks".
    """

    def __init__(self, cell: Cell[Any], *, inputs: float = 0.0, outputs: float = 0.0, **rates: float) -> None:
        rates = {"inputs": inputs, "outputs": outputs, **rates}
        check_rates("VariationalDropout", rates, below=True)
        super().__init__(cell, rows=rates)

    def drawn(self, much: float, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Draw what stays, scaled so that the expectation is what it was."""
        return like.new_empty(shape, requires_grad=False).bernoulli_(1 - much).div_(1 - much)

    def change(self, place: str, value: Tensor, noise: Noise) -> Tensor:
        """Drop features."""
        return value * noise[place] if place in noise else value
