"""LSTM with coupled gates: what is not kept is written."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import gate_bias, orthogonal, uniform
from everystep.cells.registry import register


class CIFGLSTMState(NamedTuple):
    """What an LSTM with coupled gates remembers."""

    h: Tensor  # (batch, hidden)  what was let out
    c: Tensor  # (batch, hidden)  the memory


@register("cifg_lstm")
class CIFGLSTM(Cell[CIFGLSTMState]):
    r"""Long short-term memory with coupled input and forget gates.

    .. math::
        f, o &= \sigma(W_{f,o}\, h(t) + U_{f,o}\, x(t+1) + b_{f,o}) \\
        g &= \tanh(W_g h(t) + U_g x(t+1) + b_g) \\
        c(t+1) &= f \odot c(t) + (1 - f) \odot g \\
        h(t+1) &= o \odot \tanh(c(t+1)), \qquad y = h

    Gates are tapped as ``forget`` (f: how much is kept; 1 - f is written), ``candidate`` and ``output``, and lie in
    this order in W, U and b. The memory is a weighted mean of what was ever written, so it stays in (-1, 1).

    W starts orthogonal gate by gate, U uniform with variance 1 / input_size, b zero except the forget gate's, which is
    1 so that a new cell keeps its memory.

    Args:
        input_size: Features of x.
        hidden_size: Features of h and c, and of y.

    Example:
        >>> import torch, everystep as es
        >>> out = es.unroll(es.cells.CIFGLSTM(3, 8), torch.randn(20, 4, 3), record=["c"])
        >>> bool(out.record["c"].abs().max() < 1)
        True

    Source: Greff et al. (2017), "LSTM: a search space odyssey", variant CIFG. Two deviations: no peepholes, and the
    gate that is learned is f, where the paper learns i and sets f = 1 - i; the two are one cell with the signs of
    that gate's parameters changed.
    """

    State = CIFGLSTMState

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, h=hidden_size, c=hidden_size)
        self.W = orthogonal(hidden_size, hidden_size, blocks=3)
        self.U = uniform(hidden_size, input_size, blocks=3)
        self.b = gate_bias(hidden_size, ("forget", "candidate", "output"), forget=1.0)

    def step(self, state: CIFGLSTMState, x: Tensor) -> tuple[CIFGLSTMState, Tensor]:
        f, g, o = (F.linear(state.h, self.W) + F.linear(x, self.U, self.b)).chunk(3, dim=-1)
        f = tap("forget", torch.sigmoid(f))
        g = tap("candidate", torch.tanh(g))
        o = tap("output", torch.sigmoid(o))
        c = f * state.c + (1 - f) * g
        h = o * torch.tanh(c)
        return CIFGLSTMState(h, c), h
