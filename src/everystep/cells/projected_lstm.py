"""Long short-term memory with a recurrent projection: a large memory, a small output."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell
from everystep.cells.initial import gate_bias, orthogonal, uniform
from everystep.cells.lstm import LSTM, LSTMState
from everystep.cells.registry import register


@register("lstmp")
class LSTMP(LSTM):
    r"""Long short-term memory whose output is projected before it goes out and round.

    .. math::
        i, f, o &= \sigma(W_{i,f,o}\, h(t) + U_{i,f,o}\, x(t+1) + b_{i,f,o}) \\
        g &= \tanh(W_g h(t) + U_g x(t+1) + b_g) \\
        c(t+1) &= f \odot c(t) + i \odot g \\
        h(t+1) &= P\,(o \odot \tanh(c(t+1))), \qquad y = h

    With few rows in P, W is small while the memory is large: 4 · hidden · projection numbers instead of
    4 · hidden². Gates are tapped as in :class:`~everystep.cells.LSTM` and lie in the same order.

    W starts orthogonal gate by gate, U and P uniform with variance 1 / columns, b zero except the forget gate's, which
    is 1.

    Args:
        input_size: Features of x.
        hidden_size: Features of c.
        projection_size: Features of h and of y; half of ``hidden_size``, rounded up, when not given.

    Example:
        >>> import torch, everystep as es
        >>> out = es.unroll(es.cells.LSTMP(3, 8, 2), torch.randn(20, 4, 3), record="c")
        >>> out.y.shape, out.record["c"].shape
        (torch.Size([20, 4, 2]), torch.Size([20, 4, 8]))

    Source: Sak, Senior & Beaufays (2014), "Long short-term memory recurrent neural network architectures for large
    scale acoustic modeling", equations 1-8, without their peepholes, without the second, non-recurrent projection and
    without the output layer. ``torch.nn.LSTM(proj_size=)`` is this cell; its two biases ``bias_ih + bias_hh`` are one b
    here.
    """

    def __init__(self, input_size: int, hidden_size: int, projection_size: int | None = None) -> None:
        size = -(-hidden_size // 2) if projection_size is None else projection_size
        Cell.__init__(self, input_size, size, h=size, c=hidden_size)  # an LSTM but for the sizes
        self.W = orthogonal(hidden_size, size, blocks=4)
        self.U = uniform(hidden_size, input_size, blocks=4)
        self.b = gate_bias(hidden_size, ("input", "forget", "candidate", "output"), forget=1.0)
        self.P = uniform(size, hidden_size)

    def step(self, state: LSTMState, x: Tensor) -> tuple[LSTMState, Tensor]:
        after, out = super().step(state, x)  # o ⊙ tanh(c(t+1))
        h = F.linear(out, self.P)
        return LSTMState(h, after.c), h
