"""Long short-term memory: three gates that keep, write and let out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import gate_bias, orthogonal, uniform
from everystep.cells.registry import register


class LSTMState(NamedTuple):
    """What an LSTM remembers."""

    h: Tensor  # (batch, hidden)  what was let out
    c: Tensor  # (batch, hidden)  the memory


@register("lstm")
class LSTM(Cell[LSTMState]):
    r"""Long short-term memory with a forget gate.

    .. math::
        i, f, o &= \sigma(W_{i,f,o}\, h(t) + U_{i,f,o}\, x(t+1) + b_{i,f,o}) \\
        g &= \tanh(W_g h(t) + U_g x(t+1) + b_g) \\
        c(t+1) &= f \odot c(t) + i \odot g \\
        h(t+1) &= o \odot \tanh(c(t+1)), \qquad y = h

    Gates are tapped as ``input`` (i: how much is written), ``forget`` (f: how much is kept), ``candidate`` (g: what is
    written) and ``output`` (o: how much is let out), and lie in this order in W, U and b.

    W starts orthogonal gate by gate, U uniform with variance 1 / input_size, b zero except the forget gate's, which is
    1 so that a new cell keeps its memory (Jozefowicz et al. 2015).

    Args:
        input_size: Features of x.
        hidden_size: Features of h and c, and of y.

    Example:
        >>> import torch, everystep as es
        >>> out = es.unroll(es.cells.LSTM(3, 8), torch.randn(20, 4, 3), record=["forget", "c"])
        >>> out.y.shape, out.record["c"].shape
        (torch.Size([20, 4, 8]), torch.Size([20, 4, 8]))

    Source: Hochreiter & Schmidhuber (1997), "Long short-term memory"; forget gate: Gers, Schmidhuber & Cummins (2000).
    ``torch.nn.LSTM`` is this cell; its two biases ``bias_ih + bias_hh`` are one b here.
    """

    State = LSTMState

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, h=hidden_size, c=hidden_size)
        self.W = orthogonal(hidden_size, hidden_size, blocks=4)
        self.U = uniform(hidden_size, input_size, blocks=4)
        self.b = gate_bias(hidden_size, ("input", "forget", "candidate", "output"), forget=1.0)

    def step(self, state: LSTMState, x: Tensor) -> tuple[LSTMState, Tensor]:
        i, f, g, o = (F.linear(state.h, self.W) + F.linear(x, self.U, self.b)).chunk(4, dim=-1)
        i = tap("input", torch.sigmoid(i))
        f = tap("forget", torch.sigmoid(f))
        g = tap("candidate", torch.tanh(g))
        o = tap("output", torch.sigmoid(o))
        c = f * state.c + i * g
        h = o * torch.tanh(c)
        return LSTMState(h, c), h
