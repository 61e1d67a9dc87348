"""The light GRU: no reset gate, and a candidate that is rectified."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import gate_bias, orthogonal, uniform
from everystep.cells.registry import register


class LiGRUState(NamedTuple):
    """What a light GRU remembers."""

    h: Tensor  # (batch, hidden)


@register("ligru")
class LiGRU(Cell[LiGRUState]):
    r"""Light gated recurrent unit.

    .. math::
        z &= \sigma(W_z h(t) + U_z x(t+1) + b_z) \\
        n &= \mathrm{relu}(W_n h(t) + U_n x(t+1) + b_n) \\
        h(t+1) &= z \odot h(t) + (1 - z) \odot n, \qquad y = h

    Gates are tapped as ``update`` (z: how much is kept; 1 - z is written) and ``candidate`` (n), and lie in this order
    in W, U and b. Nothing bounds a rectified state: keep W near orthogonal, or clip gradients.

    W starts orthogonal gate by gate, as in the paper, U uniform with variance 1 / input_size, b zero.

    Args:
        input_size: Features of x.
        hidden_size: Features of h and of y.

    Example:
        >>> import torch, everystep as es
        >>> out = es.unroll(es.cells.LiGRU(3, 8), torch.randn(20, 4, 3))
        >>> bool(out.y.min() >= 0)
        True

    Source: Ravanelli et al. (2018), "Light gated recurrent units for speech recognition". One deviation: the paper
    normalises U x over the batch and all time, which no single step can; b stands in for it. A
    ``torch.nn.BatchNorm1d`` before the layer normalises x, not U x.
    """

    State = LiGRUState

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, h=hidden_size)
        self.W = orthogonal(hidden_size, hidden_size, blocks=2)
        self.U = uniform(hidden_size, input_size, blocks=2)
        self.b = gate_bias(hidden_size, ("update", "candidate"))

    def step(self, state: LiGRUState, x: Tensor) -> tuple[LiGRUState, Tensor]:
        z, n = (F.linear(state.h, self.W) + F.linear(x, self.U, self.b)).chunk(2, dim=-1)
        z = tap("update", torch.sigmoid(z))
        n = tap("candidate", torch.relu(n))
        h = z * state.h + (1 - z) * n
        return LiGRUState(h), h
