"""The minimal gated unit: one gate both forgets and writes."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import gate_bias, orthogonal, uniform
from everystep.cells.registry import register


class MGUState(NamedTuple):
    """What a minimal gated unit remembers."""

    h: Tensor  # (batch, hidden)


@register("mgu")
class MGU(Cell[MGUState]):
    r"""Minimal gated unit.

    .. math::
        f &= \sigma(W_f h(t) + U_f x(t+1) + b_f) \\
        n &= \tanh(W_n (f \odot h(t)) + U_n x(t+1) + b_n) \\
        h(t+1) &= (1 - f) \odot h(t) + f \odot n, \qquad y = h

    Gates are tapped as ``forget`` (f: how much is written over, and how much of h the candidate sees) and ``candidate``
    (n), and lie in this order in W, U and b.

    W starts orthogonal gate by gate, U uniform with variance 1 / input_size, b zero: a gate of 1/2 keeps and writes in
    equal parts.

    Args:
        input_size: Features of x.
        hidden_size: Features of h and of y.

    Example:
        >>> import torch, everystep as es
        >>> es.unroll(es.cells.MGU(3, 8), torch.randn(20, 4, 3), record=["forget"]).record["forget"].shape
        torch.Size([20, 4, 8])

    Source: Zhou et al. (2016), "Minimal gated unit for recurrent neural networks", equations 7a to 7c.
    """

    State = MGUState

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, h=hidden_size)
        self.W = orthogonal(hidden_size, hidden_size, blocks=2)
        self.U = uniform(hidden_size, input_size, blocks=2)
        self.b = gate_bias(hidden_size, ("forget", "candidate"))

    def step(self, state: MGUState, x: Tensor) -> tuple[MGUState, Tensor]:
        W_f, W_n = self.W.chunk(2)
        from_x_f, from_x_n = F.linear(x, self.U, self.b).chunk(2, dim=-1)
        f = tap("forget", torch.sigmoid(F.linear(state.h, W_f) + from_x_f))
        n = tap("candidate", torch.tanh(F.linear(f * state.h, W_n) + from_x_n))
        h = (1 - f) * state.h + f * n
        return MGUState(h), h
