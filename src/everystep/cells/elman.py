"""The Elman network: the recurrence goes through the state."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell
from everystep.cells.activation import activation
from everystep.cells.initial import bias as make_bias
from everystep.cells.initial import orthogonal, uniform
from everystep.cells.registry import register


class ElmanState(NamedTuple):
    """What an Elman network remembers."""

    s: Tensor  # (batch, hidden)


@register("elman_relu", sigma_h="relu")
@register("elman")
class Elman(Cell[ElmanState]):
    r"""Simple recurrent network.

    .. math::
        s(t+1) &= \sigma_h(W s(t) + U x(t+1) + b) \\
        y(t+1) &= \sigma_o(V s(t+1) + c)

    :math:`\sigma_h` is usually tanh, not ReLU: tanh keeps the state in (-1, 1) whatever W is, while nothing stops a
    ReLU state from growing or dying by a constant factor a step. Gradients may vanish or grow through either.

    W starts orthogonal (all its singular values are 1), U and V uniform with variance 1 / columns, b and c zero.

    Args:
        input_size: Features of x.
        hidden_size: Features of s.
        output_size: Features of y. When not given there is no V and no c, and y = σ_o(s).
        sigma_h: σ_h by name: ``"tanh"``, ``"relu"``, ``"sigmoid"`` or ``"identity"``.
        sigma_o: σ_o by name.
        bias: False leaves b and c out.

    Example:
        >>> import torch, everystep as es
        >>> cell = es.cells.Elman(input_size=3, hidden_size=8, output_size=2)
        >>> es.unroll(cell, torch.randn(20, 4, 3)).y.shape
        torch.Size([20, 4, 2])

    Source: Elman (1990), "Finding structure in time". ``torch.nn.RNN`` is this cell without a readout; its two biases
    ``bias_ih + bias_hh`` are one b here.
    """

    State = ElmanState

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int | None = None,
        *,
        sigma_h: str = "tanh",
        sigma_o: str = "identity",
        bias: bool = True,
    ) -> None:
        super().__init__(input_size, hidden_size if output_size is None else output_size, s=hidden_size)
        self.sigma_h = activation("Elman", "sigma_h", sigma_h)
        self.sigma_o = activation("Elman", "sigma_o", sigma_o)
        self.W = orthogonal(hidden_size, hidden_size)
        self.U = uniform(hidden_size, input_size)
        self.b = make_bias(hidden_size, bias)
        self.V = None if output_size is None else uniform(output_size, hidden_size)
        self.c = None if output_size is None else make_bias(output_size, bias)

    def step(self, state: ElmanState, x: Tensor) -> tuple[ElmanState, Tensor]:
        s = self.sigma_h(F.linear(state.s, self.W) + F.linear(x, self.U, self.b))  # σ_h(W s(t) + U x(t+1) + b)
        y = self.sigma_o(s if self.V is None else F.linear(s, self.V, self.c))  # σ_o(V s(t+1) + c)
        return ElmanState(s), y
