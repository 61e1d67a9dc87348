"""FastGRNN: one pair of matrices for the gate and for what is written."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import gate_bias, orthogonal, uniform
from everystep.cells.registry import register


class FastGRNNState(NamedTuple):
    """What a FastGRNN remembers."""

    h: Tensor  # (batch, hidden)


@register("fastgrnn")
class FastGRNN(Cell[FastGRNNState]):
    r"""Fast, accurate, stable and tiny gated recurrent network.

    .. math::
        a &= W h(t) + U x(t+1) \\
        z &= \sigma(a + b_z), \qquad n = \tanh(a + b_n) \\
        h(t+1) &= (\sigma(\zeta)(1 - z) + \sigma(\nu)) \odot n + z \odot h(t), \qquad y = h

    The gate z and the candidate n share both matrices, so the cell has as many weights as a simple network. ζ and ν are
    one number each. Taps are ``update`` (z: how much is kept) and ``candidate`` (n), and b holds them in this order.

    W starts orthogonal, U uniform with variance 1 / input_size, b zero; σ(ζ) starts at 0.73 and σ(ν) at 0.02 as in the
    authors' code, so that a new cell writes little more than 1 - z.

    Args:
        input_size: Features of x.
        hidden_size: Features of h and of y.

    Example:
        >>> import torch, everystep as es
        >>> cell = es.cells.FastGRNN(3, 8)
        >>> sum(p.numel() for p in cell.parameters())  # 8 · 8 + 8 · 3 + 2 · 8 + 2
        106

    Source: Kusupati et al. (2018), "FastGRNN: a fast, accurate, stable and tiny kilobyte sized gated recurrent neural
    network", section 3.2. W and U are of full rank here, without the paper's sparsity and whole numbers.
    """

    State = FastGRNNState

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, h=hidden_size)
        self.W = orthogonal(hidden_size, hidden_size)
        self.U = uniform(hidden_size, input_size)
        self.b = gate_bias(hidden_size, ("update", "candidate"))
        self.zeta = nn.Parameter(torch.tensor([1.0]))
        self.nu = nn.Parameter(torch.tensor([-4.0]))

    def step(self, state: FastGRNNState, x: Tensor) -> tuple[FastGRNNState, Tensor]:
        a = F.linear(state.h, self.W) + F.linear(x, self.U)
        b_z, b_n = self.b.chunk(2)
        z = tap("update", torch.sigmoid(a + b_z))
        n = tap("candidate", torch.tanh(a + b_n))
        h = (torch.sigmoid(self.zeta) * (1 - z) + torch.sigmoid(self.nu)) * n + z * state.h
        return FastGRNNState(h), h
