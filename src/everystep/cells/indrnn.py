"""The independently recurrent network: each feature remembers only itself."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell
from everystep.cells.activation import activation
from everystep.cells.initial import bias, per_feature, uniform
from everystep.cells.registry import register


class IndRNNState(NamedTuple):
    """What an independently recurrent network remembers."""

    h: Tensor  # (batch, hidden)


@register("indrnn_linear", sigma_h="identity")
@register("indrnn")
class IndRNN(Cell[IndRNNState]):
    r"""Independently recurrent network.

    .. math:: h(t+1) = \sigma_h(w \odot h(t) + U x(t+1) + b), \qquad y = h

    One weight a feature, and no product with the state: the layer above mixes features. With σ_h the identity it is a
    linear recurrence.

    w starts uniform in (0, 1), so that a new cell has features of every length of memory and none that explodes; U
    uniform with variance 1 / input_size, b zero.

    Args:
        input_size: Features of x.
        hidden_size: Features of h and of y.
        sigma_h: σ_h by name: ``"relu"``, ``"tanh"``, ``"sigmoid"`` or ``"identity"``.

    Example:
        >>> import torch, everystep as es
        >>> es.unroll(es.cells.IndRNN(3, 8), torch.randn(20, 4, 3)).y.shape
        torch.Size([20, 4, 8])

    Source: Li et al. (2018), "Independently recurrent neural network (IndRNN)". The paper also keeps abs(w) below a
    bound that falls with the length of sequences; here w is free.
    """

    State = IndRNNState

    def __init__(self, input_size: int, hidden_size: int, *, sigma_h: str = "relu") -> None:
        super().__init__(input_size, hidden_size, h=hidden_size)
        self.sigma_h = activation("IndRNN", "sigma_h", sigma_h)
        self.w = per_feature(hidden_size, 0.0, 1.0)
        self.U = uniform(hidden_size, input_size)
        self.b = bias(hidden_size, wanted=True)

    def step(self, state: IndRNNState, x: Tensor) -> tuple[IndRNNState, Tensor]:
        h = self.sigma_h(self.w * state.h + F.linear(x, self.U, self.b))
        return IndRNNState(h), h
