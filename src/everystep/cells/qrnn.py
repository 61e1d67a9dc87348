"""The recurrent part of a quasi-recurrent network: gates of x alone, and pooling over time."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import gate_bias, uniform
from everystep.cells.registry import register


class QRNNState(NamedTuple):
    """What the pooling of a quasi-recurrent network remembers."""

    c: Tensor  # (batch, hidden)


@register("qrnn")
class QRNN(Cell[QRNNState]):
    r"""Quasi-recurrent network with fo-pooling.

    .. math::
        f, o &= \sigma(U_{f,o}\, x(t+1) + b_{f,o}) \\
        g &= \tanh(U_g x(t+1) + b_g) \\
        c(t+1) &= f \odot c(t) + (1 - f) \odot g \\
        y(t+1) &= o \odot c(t+1)

    Gates are tapped as ``forget`` (f: how much is kept; 1 - f is written), ``candidate`` and ``output``, and lie in
    this order in U and b. There is no product with the state.

    U starts uniform with variance 1 / input_size, b zero except the forget gate's, which is 1 so that a new cell keeps
    its memory.

    Args:
        input_size: Features of x.
        hidden_size: Features of c and of y.

    Example:
        A filter two steps wide: x and the x before it, side by side.

        >>> import torch, everystep as es
        >>> x = torch.randn(20, 4, 3)
        >>> before = torch.cat([torch.zeros(1, 4, 3), x[:-1]])
        >>> es.unroll(es.cells.QRNN(6, 8), torch.cat([before, x], dim=-1)).y.shape
        torch.Size([20, 4, 8])

    Source: Bradbury et al. (2017), "Quasi-recurrent neural networks". U is the paper's convolution over time at
    width 1; wider filters stand before the loop, as in the example. Of its three poolings this is fo. The paper has
    no biases.
    """

    State = QRNNState

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, c=hidden_size)
        self.U = uniform(hidden_size, input_size, blocks=3)
        self.b = gate_bias(hidden_size, ("forget", "candidate", "output"), forget=1.0)

    def step(self, state: QRNNState, x: Tensor) -> tuple[QRNNState, Tensor]:
        f, g, o = F.linear(x, self.U, self.b).chunk(3, dim=-1)
        f = tap("forget", torch.sigmoid(f))
        g = tap("candidate", torch.tanh(g))
        o = tap("output", torch.sigmoid(o))
        c = f * state.c + (1 - f) * g
        return QRNNState(c), o * c
