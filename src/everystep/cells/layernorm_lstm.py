"""LSTM with layer normalisation: the gates see their inputs at one scale at every step."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import bias, gate_bias, orthogonal, scale, uniform
from everystep.cells.registry import register


class LayerNormLSTMState(NamedTuple):
    """What a layer-normalised LSTM remembers."""

    h: Tensor  # (batch, hidden)  what was let out
    c: Tensor  # (batch, hidden)  the memory


@register("layernorm_lstm")
class LayerNormLSTM(Cell[LayerNormLSTMState]):
    r"""Long short-term memory with layer normalisation.

    .. math::
        i, f, g, o &= \alpha_h \odot N(W h(t)) + \alpha_x \odot N(U x(t+1)) + b \\
        c(t+1) &= \sigma(f) \odot c(t) + \sigma(i) \odot \tanh(g) \\
        h(t+1) &= \sigma(o) \odot \tanh(\alpha_c \odot N(c(t+1)) + b_c), \qquad y = h

    :math:`N(a) = (a - \mathrm{mean}\,a) / \sqrt{\mathrm{var}\,a + 10^{-5}}`, over all features of a: those of the
    four gates together, of the state's product and the input's apart, and of the memory where it is let out. The
    memory itself is never normalised.

    Gates are tapped as ``input``, ``forget``, ``candidate`` and ``output``, and lie in this order in W, U, b and α.

    W starts orthogonal gate by gate, U uniform with variance 1 / input_size, the scales α at 1, b zero except the
    forget gate's, which is 1 so that a new cell keeps its memory, :math:`b_c` zero.

    Args:
        input_size: Features of x.
        hidden_size: Features of h and c, and of y.

    Example:
        >>> import torch, everystep as es
        >>> cell, x = es.cells.LayerNormLSTM(3, 8), torch.randn(20, 4, 3)
        >>> torch.allclose(es.unroll(cell, 100 * x).y, es.unroll(cell, 1000 * x).y, atol=1e-2)  # at whatever scale
        True

    Source: Ba, Kiros & Hinton (2016), "Layer normalization", equations 20-22. The paper's three shifts of the gates
    (one in each normalisation, and b) only ever appear as their sum, so they are one b here. Libraries also
    normalise gate by gate, or the sum of both products; these are other cells.
    """

    State = LayerNormLSTMState

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, h=hidden_size, c=hidden_size)
        self.W = orthogonal(hidden_size, hidden_size, blocks=4)
        self.U = uniform(hidden_size, input_size, blocks=4)
        self.b = gate_bias(hidden_size, ("input", "forget", "candidate", "output"), forget=1.0)
        self.alpha_h = scale(4 * hidden_size)
        self.alpha_x = scale(4 * hidden_size)
        self.alpha_c = scale(hidden_size)
        self.b_c = bias(hidden_size, wanted=True)

    def step(self, state: LayerNormLSTMState, x: Tensor) -> tuple[LayerNormLSTMState, Tensor]:
        gates = self.alpha_h.shape  # normalised together
        from_x = F.layer_norm(F.linear(x, self.U), gates, self.alpha_x, self.b)  # α_x ⊙ N(U x) + b
        i, f, g, o = (F.layer_norm(F.linear(state.h, self.W), gates, self.alpha_h) + from_x).chunk(4, dim=-1)
        i = tap("input", torch.sigmoid(i))
        f = tap("forget", torch.sigmoid(f))
        g = tap("candidate", torch.tanh(g))
        o = tap("output", torch.sigmoid(o))
        c = f * state.c + i * g
        h = o * torch.tanh(F.layer_norm(c, self.alpha_c.shape, self.alpha_c, self.b_c))
        return LayerNormLSTMState(h, c), h
