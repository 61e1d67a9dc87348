"""JANET: an LSTM with just another network of gates, the forget gate alone."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import gate_bias, orthogonal, uniform
from everystep.cells.registry import register


class JANETState(NamedTuple):
    """What a JANET remembers."""

    c: Tensor  # (batch, hidden)


@register("janet")
class JANET(Cell[JANETState]):
    r"""LSTM reduced to its forget gate.

    .. math::
        s &= W_f c(t) + U_f x(t+1) + b_f \\
        g &= \tanh(W_g c(t) + U_g x(t+1) + b_g) \\
        c(t+1) &= \sigma(s) \odot c(t) + (1 - \sigma(s - \beta)) \odot g, \qquad y = c

    β = 1 makes the cell write a little more than it forgets. Gates are tapped as ``forget`` (σ(s): how much is
    kept) and ``candidate`` (g), and lie in this order in W, U and b.

    W starts orthogonal gate by gate, U uniform with variance 1 / input_size, b zero except the forget gate's, which
    is 1 so that a new cell keeps its memory.

    Args:
        input_size: Features of x.
        hidden_size: Features of c and of y.
        beta: β.

    Example:
        Long memories are better started by the length T of the longest sequence, as the paper does:

        >>> import torch, everystep as es
        >>> cell, T = es.cells.JANET(3, 8), 784
        >>> with torch.no_grad():
        ...     _ = cell.b[:8].uniform_(1, T - 1).log_()
        >>> es.unroll(cell, torch.randn(20, 4, 3)).y.shape
        torch.Size([20, 4, 8])

    Source: van der Westhuizen & Lasenby (2018), "The unreasonable effectiveness of the forget gate". The paper
    starts :math:`b_f` at log(uniform(1, T - 1)); a cell does not know T, see the example.
    """

    State = JANETState

    def __init__(self, input_size: int, hidden_size: int, *, beta: float = 1.0) -> None:
        super().__init__(input_size, hidden_size, c=hidden_size)
        self.beta = beta
        self.W = orthogonal(hidden_size, hidden_size, blocks=2)
        self.U = uniform(hidden_size, input_size, blocks=2)
        self.b = gate_bias(hidden_size, ("forget", "candidate"), forget=1.0)

    def step(self, state: JANETState, x: Tensor) -> tuple[JANETState, Tensor]:
        s, g = (F.linear(state.c, self.W) + F.linear(x, self.U, self.b)).chunk(2, dim=-1)
        f = tap("forget", torch.sigmoid(s))
        g = tap("candidate", torch.tanh(g))
        c = f * state.c + (1 - torch.sigmoid(s - self.beta)) * g
        return JANETState(c), c
