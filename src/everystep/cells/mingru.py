"""The minimal GRU: a gate and a candidate that do not look at the state."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import gate_bias, uniform
from everystep.cells.registry import register


class MinGRUState(NamedTuple):
    """What a minimal GRU remembers."""

    h: Tensor  # (batch, hidden)


@register("mingru")
class MinGRU(Cell[MinGRUState]):
    r"""Minimal gated recurrent unit.

    .. math::
        z &= \sigma(U_z x(t+1) + b_z) \\
        n &= U_n x(t+1) + b_n \\
        h(t+1) &= (1 - z) \odot h(t) + z \odot n, \qquad y = h

    Gates are tapped as ``update`` (z: how much is written) and ``candidate`` (n), and lie in this order in U and b.
    There is no product with the state, and h depends on the h before it linearly.

    U starts uniform with variance 1 / input_size, b zero.

    Args:
        input_size: Features of x.
        hidden_size: Features of h and of y.

    Example:
        >>> import torch, everystep as es
        >>> es.unroll(es.cells.MinGRU(3, 8), torch.randn(20, 4, 3)).y.shape
        torch.Size([20, 4, 8])

    Source: Feng et al. (2024), "Were RNNs all we needed?", section 3.1. The paper's parallel form in log space also
    passes n through a positive function; this is the form without it.
    """

    State = MinGRUState

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, h=hidden_size)
        self.U = uniform(hidden_size, input_size, blocks=2)
        self.b = gate_bias(hidden_size, ("update", "candidate"))

    def step(self, state: MinGRUState, x: Tensor) -> tuple[MinGRUState, Tensor]:
        z, n = F.linear(x, self.U, self.b).chunk(2, dim=-1)
        z, n = tap("update", torch.sigmoid(z)), tap("candidate", n)
        h = (1 - z) * state.h + z * n
        return MinGRUState(h), h
