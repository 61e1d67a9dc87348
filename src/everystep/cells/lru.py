"""The linear recurrent unit: complex exponentials that remember, and a readout."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from everystep.cell import Cell
from everystep.cells.initial import uniform
from everystep.cells.registry import register


class LRUState(NamedTuple):
    """What a linear recurrent unit remembers: complex numbers as pairs."""

    re: Tensor  # (batch, hidden)
    im: Tensor  # (batch, hidden)


@register("lru")
class LRU(Cell[LRUState]):
    r"""Linear recurrent unit.

    .. math::
        \lambda &= \exp(-e^{\nu} + \mathrm{i}\, e^{\theta}) \\
        s(t+1) &= \lambda \odot s(t) + e^{\gamma} \odot U x(t+1), \qquad s \in \mathbb{C}^{\text{hidden}} \\
        y(t+1) &= \mathrm{Re}(V s(t+1)) + D x(t+1)

    The recurrence is linear, and diagonal: each complex number turns by :math:`e^\theta` and shrinks by
    :math:`e^{-e^\nu}` < 1 at every step. There is no product with the state but the readout. In U the real rows come
    first, then the imaginary ones; V holds Re V and -Im V side by side, so that y is V times the pair.

    λ starts uniform on the unit disk's ring between ``least`` and ``most``, so that there are memories of all
    lengths, and :math:`e^\gamma` at :math:`\sqrt{1 - |\lambda|^2}`, so that no length of memory makes a state
    larger. U, V and D start uniform with variance 1 / columns.

    Args:
        input_size: Features of x.
        hidden_size: Complex numbers of the state, and features of y.
        least: The smallest \|λ\| at the start, 0 or more.
        most: The largest \|λ\| at the start, at most 1.
        turn: The largest angle of λ at the start, in radians, more than 0.

    Example:
        >>> import torch, everystep as es
        >>> cell = es.cells.LRU(3, 8, least=0.9, most=0.999, turn=0.3)
        >>> es.unroll(cell, torch.randn(20, 4, 3)).y.shape
        torch.Size([20, 4, 8])

    Source: Orvieto et al. (2023), "Resurrecting recurrent neural networks for long sequences", section 3. Weights
    start uniform where the paper draws them normal, and D is a full matrix, as in its text; its code has a diagonal
    one.
    """

    State = LRUState

    def __init__(
        self, input_size: int, hidden_size: int, *, least: float = 0.0, most: float = 1.0, turn: float = 2 * math.pi
    ) -> None:
        super().__init__(input_size, hidden_size, re=hidden_size, im=hidden_size)
        square = torch.empty(hidden_size).uniform_(least**2, most**2).clamp(1e-6, 1 - 1e-6)  # |λ|²
        self.nu = nn.Parameter(torch.log(-0.5 * torch.log(square)))
        self.theta = nn.Parameter(torch.log(torch.empty(hidden_size).uniform_(0, turn).clamp(min=1e-6)))
        self.gamma = nn.Parameter(0.5 * torch.log1p(-square))
        self.U = uniform(hidden_size, input_size, blocks=2)
        self.V = uniform(hidden_size, 2 * hidden_size)
        self.D = uniform(hidden_size, input_size)

    def step(self, state: LRUState, x: Tensor) -> tuple[LRUState, Tensor]:
        size, angle = torch.exp(-torch.exp(self.nu)), torch.exp(self.theta)
        turn_re, turn_im = size * torch.cos(angle), size * torch.sin(angle)  # λ
        x_re, x_im = F.linear(x, self.U).chunk(2, dim=-1)
        gamma = torch.exp(self.gamma)
        re = turn_re * state.re - turn_im * state.im + gamma * x_re
        im = turn_im * state.re + turn_re * state.im + gamma * x_im
        y = F.linear(torch.cat([re, im], dim=-1), self.V) + F.linear(x, self.D)  # Re(V s(t+1)) + D x(t+1)
        return LRUState(re, im), y
