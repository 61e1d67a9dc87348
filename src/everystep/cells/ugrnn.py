"""The update-gate RNN: a simple recurrent network with one gate that keeps or writes."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import gate_bias, orthogonal, uniform
from everystep.cells.registry import register


class UGRNNState(NamedTuple):
    """What an update-gate RNN remembers."""

    h: Tensor  # (batch, hidden)


@register("ugrnn")
class UGRNN(Cell[UGRNNState]):
    r"""Update-gate recurrent network.

    .. math::
        g &= \sigma(W_g h(t) + U_g x(t+1) + b_g) \\
        n &= \tanh(W_n h(t) + U_n x(t+1) + b_n) \\
        h(t+1) &= g \odot h(t) + (1 - g) \odot n, \qquad y = h

    Gates are tapped as ``update`` (g: how much is kept; 1 - g is written) and ``candidate`` (n), and lie in this order
    in W, U and b.

    W starts orthogonal gate by gate, U uniform with variance 1 / input_size, b zero except the gate's, which is 1 so
    that a new cell keeps its memory.

    Args:
        input_size: Features of x.
        hidden_size: Features of h and of y.

    Example:
        >>> import torch, everystep as es
        >>> es.unroll(es.cells.UGRNN(3, 8), torch.randn(20, 4, 3)).y.shape
        torch.Size([20, 4, 8])

    Source: Collins, Sohl-Dickstein & Sussillo (2017), "Capacity and trainability in recurrent neural networks". The
    paper's fixed bias of the gate is the first value of :math:`b_g` here, and of its two activations tanh is taken.
    """

    State = UGRNNState

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, h=hidden_size)
        self.W = orthogonal(hidden_size, hidden_size, blocks=2)
        self.U = uniform(hidden_size, input_size, blocks=2)
        self.b = gate_bias(hidden_size, ("update", "candidate"), update=1.0)

    def step(self, state: UGRNNState, x: Tensor) -> tuple[UGRNNState, Tensor]:
        g, n = (F.linear(state.h, self.W) + F.linear(x, self.U, self.b)).chunk(2, dim=-1)
        g = tap("update", torch.sigmoid(g))
        n = tap("candidate", torch.tanh(n))
        h = g * state.h + (1 - g) * n
        return UGRNNState(h), h
