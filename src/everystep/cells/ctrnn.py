"""The leaky, or continuous-time, recurrent network: each feature has a time constant."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import bias, orthogonal, uniform
from everystep.cells.registry import register


class CTRNNState(NamedTuple):
    """What a continuous-time network remembers."""

    h: Tensor  # (batch, hidden)


@register("ctrnn")
class CTRNN(Cell[CTRNNState]):
    r"""Continuous-time recurrent network of leaky features.

    .. math::
        \alpha &= 1 - e^{-\Delta t / \tau} \\
        n &= \tanh(W h(t) + U x(t+1) + b) \\
        h(t+1) &= (1 - \alpha) \odot h(t) + \alpha \odot n, \qquad y = h

    A step of :math:`\tau h' = -h + \tanh(W h + U x + b)`, exact where n stays as it is during Δt; τ is learned for each
    feature, through its logarithm ``log_tau``. Tapped as ``candidate`` (n).

    W starts orthogonal, U uniform with variance 1 / input_size, b zero, every τ at ``tau``.

    Args:
        input_size: Features of x.
        hidden_size: Features of h and of y.
        tau: τ at the start, in the unit of dt, more than 0.
        dt: Δt, the time of one step, more than 0.

    Example:
        >>> import torch, everystep as es
        >>> cell = es.cells.CTRNN(3, 8, tau=100.0, dt=20.0)  # milliseconds
        >>> es.unroll(cell, torch.randn(20, 4, 3)).y.shape
        torch.Size([20, 4, 8])

    Source: Funahashi & Nakamura (1993), "Approximation of dynamical systems by continuous time recurrent neural
    networks", and Jaeger et al. (2007) for one step of it as a leaky network. One deviation: their α is the
    first-order Δt / τ, which is unstable where τ is short; this one is always between 0 and 1, and the same to
    first order.
    """

    State = CTRNNState

    def __init__(self, input_size: int, hidden_size: int, *, tau: float = 5.0, dt: float = 1.0) -> None:
        super().__init__(input_size, hidden_size, h=hidden_size)
        self.dt = dt
        self.log_tau = nn.Parameter(torch.full((hidden_size,), math.log(tau)))
        self.W = orthogonal(hidden_size, hidden_size)
        self.U = uniform(hidden_size, input_size)
        self.b = bias(hidden_size, wanted=True)

    def step(self, state: CTRNNState, x: Tensor) -> tuple[CTRNNState, Tensor]:
        alpha = -torch.expm1(-self.dt * torch.exp(-self.log_tau))  # 1 - exp(-Δt / τ)
        n = tap("candidate", torch.tanh(F.linear(state.h, self.W) + F.linear(x, self.U, self.b)))
        h = (1 - alpha) * state.h + alpha * n
        return CTRNNState(h), h
