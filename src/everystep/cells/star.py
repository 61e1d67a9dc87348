"""STAR: a cell made to be stacked, with one gate and a bounded state."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import gate_bias, orthogonal, uniform
from everystep.cells.registry import register


class STARState(NamedTuple):
    """What a STAR cell remembers."""

    h: Tensor  # (batch, hidden)


@register("star")
class STAR(Cell[STARState]):
    r"""Stackable recurrent cell.

    .. math::
        k &= \sigma(W h(t) + U_k x(t+1) + b_k) \\
        n &= \tanh(U_n x(t+1) + b_n) \\
        h(t+1) &= \tanh((1 - k) \odot h(t) + k \odot n), \qquad y = h

    Gates are tapped as ``update`` (k: how much is written) and ``candidate`` (n, which sees x alone), and lie in this
    order in U and b. The outer tanh keeps gradients of like size across layers.

    W starts orthogonal, U uniform with variance 1 / input_size, b zero.

    Args:
        input_size: Features of x.
        hidden_size: Features of h and of y.

    Example:
        >>> import torch, everystep as es
        >>> es.unroll(es.cells.STAR(3, 8), torch.randn(20, 4, 3), record=["update"]).record["update"].shape
        torch.Size([20, 4, 8])

    Source: Turkoglu et al. (2021), "Gating revisited: deep multi-layer RNNs that can be trained".
    """

    State = STARState

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, h=hidden_size)
        self.W = orthogonal(hidden_size, hidden_size)
        self.U = uniform(hidden_size, input_size, blocks=2)
        self.b = gate_bias(hidden_size, ("update", "candidate"))

    def step(self, state: STARState, x: Tensor) -> tuple[STARState, Tensor]:
        from_x_k, from_x_n = F.linear(x, self.U, self.b).chunk(2, dim=-1)
        k = tap("update", torch.sigmoid(F.linear(state.h, self.W) + from_x_k))
        n = tap("candidate", torch.tanh(from_x_n))
        h = torch.tanh((1 - k) * state.h + k * n)
        return STARState(h), h
