"""The antisymmetric network: a step of a stable differential equation."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell
from everystep.cells.initial import bias, orthogonal, uniform
from everystep.cells.registry import register


class AntisymmetricRNNState(NamedTuple):
    """What an antisymmetric network remembers."""

    h: Tensor  # (batch, hidden)


@register("antisymmetric_rnn")
class AntisymmetricRNN(Cell[AntisymmetricRNNState]):
    r"""Antisymmetric recurrent network.

    .. math::
        h(t+1) = h(t) + \varepsilon \tanh((W - W^\top - \gamma I)\, h(t) + U x(t+1) + b), \qquad y = h

    :math:`W - W^\top` has imaginary eigenvalues alone, so what it carries turns and neither grows nor dies; a little
    damping γ makes up for the step ε being finite.

    W starts orthogonal (the part of it that counts then turns no faster than 2 a unit of time), U uniform with variance
    1 / input_size, b zero.

    Args:
        input_size: Features of x.
        hidden_size: Features of h and of y.
        epsilon: ε, how far one step goes, more than 0.
        gamma: γ, 0 or more.

    Example:
        >>> import torch, everystep as es
        >>> es.unroll(es.cells.AntisymmetricRNN(3, 8), torch.randn(20, 4, 3)).y.shape
        torch.Size([20, 4, 8])

    Source: Chang et al. (2019), "AntisymmetricRNN: a dynamical system view on recurrent neural networks", the form
    without a gate. One deviation: W starts orthogonal, in the paper normal with a variance that is searched for.
    """

    State = AntisymmetricRNNState

    def __init__(self, input_size: int, hidden_size: int, *, epsilon: float = 0.1, gamma: float = 0.01) -> None:
        super().__init__(input_size, hidden_size, h=hidden_size)
        self.epsilon = epsilon
        self.gamma = gamma
        self.W = orthogonal(hidden_size, hidden_size)
        self.U = uniform(hidden_size, input_size)
        self.b = bias(hidden_size, wanted=True)

    def step(self, state: AntisymmetricRNNState, x: Tensor) -> tuple[AntisymmetricRNNState, Tensor]:
        turned = F.linear(state.h, self.W - self.W.T) - self.gamma * state.h  # (W - Wᵀ - γ I) h(t)
        h = state.h + self.epsilon * torch.tanh(turned + F.linear(x, self.U, self.b))
        return AntisymmetricRNNState(h), h
