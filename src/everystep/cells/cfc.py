"""The closed-form continuous-time network: how much time has passed is an input."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import bias, gate_bias, orthogonal, uniform
from everystep.cells.registry import register


class CfCState(NamedTuple):
    """What a closed-form continuous-time network remembers."""

    h: Tensor  # (batch, hidden)


class CfCInput(NamedTuple):
    """What a closed-form continuous-time network takes in where steps lie unevenly in time."""

    value: Tensor  # (batch, input)
    gap: Tensor  # (batch, 1)  the time since the step before


@register("cfc")
class CfC(Cell[CfCState]):
    r"""Closed-form continuous-time network.

    .. math::
        s &= 1.7159 \tanh(0.666\,(W h(t) + U x(t+1) + b)) \\
        n, f &= \tanh(V_{n,f}\, s + c_{n,f}) \\
        w &= \sigma((V_a s + c_a)\, \Delta t + V_d s + c_d) \\
        h(t+1) &= (1 - w) \odot n + w \odot f, \qquad y = h

    The state after a gap Δt without solving the equation in between: w moves it from ``near`` (n) to ``far`` (f) as
    time passes, ``gate`` (w) says how far. These are the taps, with ``backbone`` (s); V and c hold near, far, rate
    (a), shift (d) in this order.

    W starts with orthonormal rows or columns, U and V uniform with variance 1 / columns, biases zero.

    Args:
        input_size: Features of x.
        hidden_size: Features of h and of y.
        backbone_size: Features of s; as many as h when not given.
        gap: Δt of every step. None: it comes with x, which is then a ``CfCInput`` of ``value`` and ``gap``.

    Example:
        >>> import torch, everystep as es
        >>> cell = es.cells.CfC(3, 8, gap=None)
        >>> x = es.cells.CfCInput(value=torch.randn(20, 4, 3), gap=torch.rand(20, 4, 1))
        >>> es.unroll(cell, x, record=["gate"]).record["gate"].shape
        torch.Size([20, 4, 8])

    Source: Hasani et al. (2022), "Closed-form continuous-time neural networks". The paper writes σ(-f Δt) with one
    network f; here, as in the authors' code, the rate is taken apart into a part that time multiplies and a part
    that it does not, the backbone that all networks share is one layer, and its activation LeCun's tanh.
    """

    State = CfCState

    def __init__(
        self, input_size: int, hidden_size: int, *, backbone_size: int | None = None, gap: float | None = 1.0
    ) -> None:
        super().__init__({"value": input_size, "gap": 1} if gap is None else input_size, hidden_size, h=hidden_size)
        backbone_size = hidden_size if backbone_size is None else backbone_size
        self.gap = 0.0 if gap is None else gap  # where it does not come with x
        self.W = orthogonal(backbone_size, hidden_size)
        self.U = uniform(backbone_size, input_size)
        self.b = bias(backbone_size, wanted=True)
        self.V = uniform(hidden_size, backbone_size, blocks=4)
        self.c = gate_bias(hidden_size, ("near", "far", "rate", "shift"))

    def step(self, state: CfCState, x: Tensor | CfCInput) -> tuple[CfCState, Tensor]:
        value, gap = (x.value, x.gap) if isinstance(x, tuple) else (x, self.gap)
        s = 1.7159 * torch.tanh(0.666 * (F.linear(state.h, self.W) + F.linear(value, self.U, self.b)))
        near, far, rate, shift = F.linear(tap("backbone", s), self.V, self.c).chunk(4, dim=-1)
        near, far = tap("near", torch.tanh(near)), tap("far", torch.tanh(far))
        w = tap("gate", torch.sigmoid(rate * gap + shift))
        h = (1 - w) * near + w * far
        return CfCState(h), h
