"""sLSTM: an LSTM that can write over all it has kept, with an exponential gate."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import gate_bias, orthogonal, uniform
from everystep.cells.registry import register

NOTHING = -1e30  # log of how much an empty memory weighs


class SLSTMState(NamedTuple):
    """What an sLSTM remembers; c and n count in units of exp(m)."""

    h: Tensor  # (batch, hidden)  what was let out
    c: Tensor  # (batch, hidden)  the memory
    n: Tensor  # (batch, hidden)  how much was written into it, 0 or more
    m: Tensor  # (batch, hidden)  the stabiliser: the largest exponent that was met


@register("slstm")
class SLSTM(Cell[SLSTMState]):
    r"""Scalar long short-term memory of xLSTM.

    .. math::
        a_i, a_f, a_z, a_o &= W h(t) + U x(t+1) + b \\
        m(t+1) &= \max(\log \sigma(a_f) + m(t),\ a_i) \\
        i &= \exp(a_i - m(t+1)), \qquad f = \exp(\log \sigma(a_f) + m(t) - m(t+1)) \\
        c(t+1) &= f \odot c(t) + i \odot \tanh(a_z) \\
        n(t+1) &= f \odot n(t) + i \\
        h(t+1) &= \sigma(a_o) \odot c(t+1) / n(t+1), \qquad y = h

    c / n is a weighted mean of what was ever written, and a new weight :math:`\exp(a_i)` may outweigh all before it. m
    keeps exponents from overflowing and cancels out of h. Gates are tapped as ``input`` (i), ``forget`` (f), both in
    units of exp(m), ``candidate`` and ``output``, and lie in this order in W, U and b.

    A start is empty: all zero, and m at -1e30, so that the first weight is 1 whatever :math:`a_i` is.

    W starts orthogonal gate by gate, U uniform with variance 1 / input_size, b zero except the forget gate's, which is
    1 so that a new cell keeps its memory.

    Args:
        input_size: Features of x.
        hidden_size: Features of every part of the state, and of y.

    Example:
        >>> import torch, everystep as es
        >>> out = es.unroll(es.cells.SLSTM(3, 8), 100 * torch.randn(20, 4, 3))
        >>> bool(out.y.abs().max() <= 1)
        True

    Source: Beck et al. (2024), "xLSTM: extended long short-term memory", equations 8-17. Of the two forget gates that
    the paper allows, the sigmoid; one head, so W is full; and the forget gates' biases start equal, where the authors
    spread them over the features.
    """

    State = SLSTMState

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, h=hidden_size, c=hidden_size, n=hidden_size, m=hidden_size)
        self.W = orthogonal(hidden_size, hidden_size, blocks=4)
        self.U = uniform(hidden_size, input_size, blocks=4)
        self.b = gate_bias(hidden_size, ("input", "forget", "candidate", "output"), forget=1.0)

    def initial_state(self, batch_size: int, like: Tensor, context: Any = None) -> SLSTMState:
        empty = super().initial_state(batch_size, like, context)
        return empty._replace(m=torch.full_like(empty.m, NOTHING))

    def step(self, state: SLSTMState, x: Tensor) -> tuple[SLSTMState, Tensor]:
        a_i, a_f, a_z, a_o = (F.linear(state.h, self.W) + F.linear(x, self.U, self.b)).chunk(4, dim=-1)
        kept = F.logsigmoid(a_f) + state.m  # log of what is left of an old weight
        m = torch.maximum(kept, a_i)
        i = tap("input", torch.exp(a_i - m))
        f = tap("forget", torch.exp(kept - m))
        c = f * state.c + i * tap("candidate", torch.tanh(a_z))
        n = f * state.n + i
        h = tap("output", torch.sigmoid(a_o)) * c / n
        return SLSTMState(h, c, n, m), h
