"""LSTM with peepholes: gates that see the memory, not only what was let out of it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import gate_bias, orthogonal, per_feature, uniform
from everystep.cells.registry import register


class PeepholeLSTMState(NamedTuple):
    """What a peephole LSTM remembers."""

    h: Tensor  # (batch, hidden)  what was let out
    c: Tensor  # (batch, hidden)  the memory


@register("peephole_lstm")
class PeepholeLSTM(Cell[PeepholeLSTMState]):
    r"""Long short-term memory with peephole connections.

    .. math::
        i &= \sigma(W_i h(t) + U_i x(t+1) + p_i \odot c(t) + b_i) \\
        f &= \sigma(W_f h(t) + U_f x(t+1) + p_f \odot c(t) + b_f) \\
        g &= \tanh(W_g h(t) + U_g x(t+1) + b_g) \\
        c(t+1) &= f \odot c(t) + i \odot g \\
        o &= \sigma(W_o h(t) + U_o x(t+1) + p_o \odot c(t+1) + b_o) \\
        h(t+1) &= o \odot \tanh(c(t+1)), \qquad y = h

    Gates are tapped as ``input``, ``forget``, ``candidate`` and ``output``, and lie in this order in W, U and b; p
    holds input, forget, output. The output gate looks at the new memory, the other two at the old one.

    W starts orthogonal gate by gate, U uniform with variance 1 / input_size, p uniform in ±0.1 (small beside the gates'
    other inputs, as in the paper), b zero except the forget gate's, which is 1 so that a new cell keeps its memory.

    Args:
        input_size: Features of x.
        hidden_size: Features of h and c, and of y.

    Example:
        >>> import torch, everystep as es
        >>> out = es.unroll(es.cells.PeepholeLSTM(3, 8), torch.randn(20, 4, 3), record=["output"])
        >>> out.record["output"].shape
        torch.Size([20, 4, 8])

    Source: Gers, Schraudolph & Schmidhuber (2002), "Learning precise timing with LSTM recurrent networks". Two
    deviations, both today's custom (Graves 2013, equations 7-11): what is written and what is let out pass through
    tanh, where the paper squashes what is written to (-2, 2) and lets the memory itself out; and gradients flow
    through the peepholes in full, where the paper cuts them.
    """

    State = PeepholeLSTMState

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, h=hidden_size, c=hidden_size)
        self.W = orthogonal(hidden_size, hidden_size, blocks=4)
        self.U = uniform(hidden_size, input_size, blocks=4)
        self.p = per_feature(3 * hidden_size, -0.1, 0.1)
        self.b = gate_bias(hidden_size, ("input", "forget", "candidate", "output"), forget=1.0)

    def step(self, state: PeepholeLSTMState, x: Tensor) -> tuple[PeepholeLSTMState, Tensor]:
        i, f, g, o = (F.linear(state.h, self.W) + F.linear(x, self.U, self.b)).chunk(4, dim=-1)
        p_i, p_f, p_o = self.p.chunk(3)
        i = tap("input", torch.sigmoid(i + p_i * state.c))
        f = tap("forget", torch.sigmoid(f + p_f * state.c))
        g = tap("candidate", torch.tanh(g))
        c = f * state.c + i * g
        o = tap("output", torch.sigmoid(o + p_o * c))  # sees c(t+1)
        h = o * torch.tanh(c)
        return PeepholeLSTMState(h, c), h
