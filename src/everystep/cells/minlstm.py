"""The minimal LSTM: two gates that do not look at the state, and share what there is."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import gate_bias, uniform
from everystep.cells.registry import register


class MinLSTMState(NamedTuple):
    """What a minimal LSTM remembers."""

    h: Tensor  # (batch, hidden)


@register("minlstm")
class MinLSTM(Cell[MinLSTMState]):
    r"""Minimal long short-term memory.

    .. math::
        f, i &= \sigma(U_{f,i}\, x(t+1) + b_{f,i}) \\
        n &= U_n x(t+1) + b_n \\
        h(t+1) &= \frac{f}{f + i} \odot h(t) + \frac{i}{f + i} \odot n, \qquad y = h

    Gates are tapped as ``forget`` and ``input`` (after they are made to sum to 1) and ``candidate`` (n), and lie in
    this order in U and b. There is no product with the state, and h depends on the h before it linearly.

    U starts uniform with variance 1 / input_size, b zero except the forget gate's, which is 1 so that a new cell keeps
    its memory.

    Args:
        input_size: Features of x.
        hidden_size: Features of h and of y.

    Example:
        >>> import torch, everystep as es
        >>> gates = es.unroll(es.cells.MinLSTM(3, 8), torch.randn(20, 4, 3), record=["forget", "input"]).record
        >>> torch.allclose(gates["forget"] + gates["input"], torch.ones(20, 4, 8))
        True

    Source: Feng et al. (2024), "Were RNNs all we needed?", section 3.2. The paper's parallel form in log space also
    passes n through a positive function; this is the form without it.
    """

    State = MinLSTMState

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, h=hidden_size)
        self.U = uniform(hidden_size, input_size, blocks=3)
        self.b = gate_bias(hidden_size, ("forget", "input", "candidate"), forget=1.0)

    def step(self, state: MinLSTMState, x: Tensor) -> tuple[MinLSTMState, Tensor]:
        f, i, n = F.linear(x, self.U, self.b).chunk(3, dim=-1)
        f, i = torch.sigmoid(f), torch.sigmoid(i)
        f, i, n = tap("forget", f / (f + i)), tap("input", i / (f + i)), tap("candidate", n)
        h = f * state.h + i * n
        return MinLSTMState(h), h
