"""The coupled oscillatory network: each feature is a driven, damped oscillator."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell
from everystep.cells.initial import bias, orthogonal, uniform
from everystep.cells.registry import register


class CoRNNState(NamedTuple):
    """What a network of coupled oscillators remembers."""

    h: Tensor  # (batch, hidden)  where each oscillator is
    z: Tensor  # (batch, hidden)  how fast it moves


@register("cornn")
class CoRNN(Cell[CoRNNState]):
    r"""Coupled oscillatory recurrent network.

    .. math::
        z(t+1) &= z(t) + \Delta t\,
            (\tanh(W h(t) + W_z z(t) + U x(t+1) + b) - \gamma h(t) - \varepsilon z(t)) \\
        h(t+1) &= h(t) + \Delta t\, z(t+1), \qquad y = h

    A step of :math:`h'' = \tanh(W h + W_z h' + U x + b) - \gamma h - \varepsilon h'`, whose gradients stay within
    bounds that do not depend on the length of the sequence.

    W and :math:`W_z` start orthogonal, U uniform with variance 1 / input_size, b zero.

    Args:
        input_size: Features of x.
        hidden_size: Features of h and z, and of y.
        dt: Δt, the time of one step.
        gamma: γ, what draws an oscillator back: the square of its frequency.
        epsilon: ε, the damping.

    Example:
        >>> import torch, everystep as es
        >>> es.unroll(es.cells.CoRNN(3, 8), torch.randn(20, 4, 3), record=["z"]).record["z"].shape
        torch.Size([20, 4, 8])

    Source: Rusch & Mishra (2021), "Coupled oscillatory recurrent neural network (coRNN)", equation 3 with the
    damping of the old z (the explicit one of the two that the paper allows). First values of Δt, γ and ε are those
    of its sequential MNIST; all three are to be tuned. The paper's y is h here.
    """

    State = CoRNNState

    def __init__(
        self, input_size: int, hidden_size: int, *, dt: float = 0.042, gamma: float = 2.7, epsilon: float = 4.7
    ) -> None:
        super().__init__(input_size, hidden_size, h=hidden_size, z=hidden_size)
        self.dt = dt
        self.gamma = gamma
        self.epsilon = epsilon
        self.W = orthogonal(hidden_size, hidden_size)
        self.W_z = orthogonal(hidden_size, hidden_size)
        self.U = uniform(hidden_size, input_size)
        self.b = bias(hidden_size, wanted=True)

    def step(self, state: CoRNNState, x: Tensor) -> tuple[CoRNNState, Tensor]:
        h, z = state
        drive = torch.tanh(F.linear(h, self.W) + F.linear(z, self.W_z) + F.linear(x, self.U, self.b))
        z = z + self.dt * (drive - self.gamma * h - self.epsilon * z)
        h = h + self.dt * z  # with the new z
        return CoRNNState(h, z), h
