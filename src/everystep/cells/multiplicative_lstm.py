"""The multiplicative LSTM: x chooses how the state moves."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import gate_bias, orthogonal, uniform
from everystep.cells.registry import register


class MultiplicativeLSTMState(NamedTuple):
    """What a multiplicative LSTM remembers."""

    h: Tensor  # (batch, hidden)  what was let out
    c: Tensor  # (batch, hidden)  the memory


@register("multiplicative_lstm")
class MultiplicativeLSTM(Cell[MultiplicativeLSTMState]):
    r"""Multiplicative long short-term memory.

    .. math::
        m &= U_m x(t+1) \odot W_m h(t) \\
        i, f, o &= \sigma(W_{i,f,o}\, m + U_{i,f,o}\, x(t+1) + b_{i,f,o}) \\
        g &= \tanh(W_g m + U_g x(t+1) + b_g) \\
        c(t+1) &= f \odot c(t) + i \odot g \\
        h(t+1) &= o \odot \tanh(c(t+1)), \qquad y = h

    An LSTM that sees m in place of h, so that each x has a transition of its own. Gates are tapped as ``input``,
    ``forget``, ``candidate`` and ``output``, and lie in this order in W, U and b; m is tapped as ``mixed``, and its
    matrices are ``W_m`` and ``U_m``.

    W and :math:`W_m` start orthogonal gate by gate, U and :math:`U_m` uniform with variance 1 / input_size, b zero
    except the forget gate's, which is 1 so that a new cell keeps its memory.

    Args:
        input_size: Features of x.
        hidden_size: Features of h, c and m, and of y.

    Example:
        >>> import torch, everystep as es
        >>> es.unroll(es.cells.MultiplicativeLSTM(3, 8), torch.randn(20, 4, 3)).y.shape
        torch.Size([20, 4, 8])

    Source: Krause et al. (2016), "Multiplicative LSTM for sequence modelling"; m has as many features as h, as the
    authors have it. Biases of the gates are added, which the paper leaves out of its equations.
    """

    State = MultiplicativeLSTMState

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, h=hidden_size, c=hidden_size)
        self.W_m = orthogonal(hidden_size, hidden_size)
        self.U_m = uniform(hidden_size, input_size)
        self.W = orthogonal(hidden_size, hidden_size, blocks=4)
        self.U = uniform(hidden_size, input_size, blocks=4)
        self.b = gate_bias(hidden_size, ("input", "forget", "candidate", "output"), forget=1.0)

    def step(self, state: MultiplicativeLSTMState, x: Tensor) -> tuple[MultiplicativeLSTMState, Tensor]:
        m = tap("mixed", F.linear(x, self.U_m) * F.linear(state.h, self.W_m))
        i, f, g, o = (F.linear(m, self.W) + F.linear(x, self.U, self.b)).chunk(4, dim=-1)
        i = tap("input", torch.sigmoid(i))
        f = tap("forget", torch.sigmoid(f))
        g = tap("candidate", torch.tanh(g))
        o = tap("output", torch.sigmoid(o))
        c = f * state.c + i * g
        h = o * torch.tanh(c)
        return MultiplicativeLSTMState(h, c), h
