"""Long expressive memory: gates that are the time steps of two coupled equations."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import gate_bias, orthogonal, uniform
from everystep.cells.registry import register


class LEMState(NamedTuple):
    """What a long expressive memory remembers."""

    h: Tensor  # (batch, hidden)  the fast part, which is put out
    z: Tensor  # (batch, hidden)  the slow part


@register("lem")
class LEM(Cell[LEMState]):
    r"""Long expressive memory.

    .. math::
        \delta_h, \delta_z &= \Delta t\, \sigma(W_{1,2}\, h(t) + U_{1,2}\, x(t+1) + b_{1,2}) \\
        z(t+1) &= (1 - \delta_z) \odot z(t) + \delta_z \odot \tanh(W_3 h(t) + U_3 x(t+1) + b_3) \\
        h(t+1) &= (1 - \delta_h) \odot h(t) + \delta_h \odot \tanh(W_4 z(t+1) + U_4 x(t+1) + b_4), \qquad y = h

    Every feature takes time steps of its own length, at every step another one. Gates are tapped as ``fast``
    (:math:`\delta_h`), ``slow`` (:math:`\delta_z`), ``memory`` and ``candidate`` (what z and h move to), and lie in
    this order in W, U and b; the last block of W multiplies the new z.

    W starts orthogonal gate by gate, U uniform with variance 1 / input_size, b zero.

    Args:
        input_size: Features of x.
        hidden_size: Features of h and z, and of y.
        dt: Δt, the longest time step, in (0, 1].

    Example:
        >>> import torch, everystep as es
        >>> es.unroll(es.cells.LEM(3, 8), torch.randn(20, 4, 3), record=["slow"]).record["slow"].shape
        torch.Size([20, 4, 8])

    Source: Rusch et al. (2022), "Long expressive memory for sequence modeling", equation 3. The paper's y is h here.
    """

    State = LEMState

    def __init__(self, input_size: int, hidden_size: int, *, dt: float = 1.0) -> None:
        super().__init__(input_size, hidden_size, h=hidden_size, z=hidden_size)
        self.dt = dt
        self.W = orthogonal(hidden_size, hidden_size, blocks=4)
        self.U = uniform(hidden_size, input_size, blocks=4)
        self.b = gate_bias(hidden_size, ("fast", "slow", "memory", "candidate"))

    def step(self, state: LEMState, x: Tensor) -> tuple[LEMState, Tensor]:
        h, z = state
        hidden = h.shape[-1]
        W_h, W_z = self.W.split([3 * hidden, hidden])
        from_x, from_x_h = F.linear(x, self.U, self.b).split([3 * hidden, hidden], dim=-1)
        fast, slow, memory = (F.linear(h, W_h) + from_x).chunk(3, dim=-1)
        fast = tap("fast", self.dt * torch.sigmoid(fast))
        slow = tap("slow", self.dt * torch.sigmoid(slow))
        z = (1 - slow) * z + slow * tap("memory", torch.tanh(memory))
        candidate = tap("candidate", torch.tanh(F.linear(z, W_z) + from_x_h))  # sees z(t+1)
        h = (1 - fast) * h + fast * candidate
        return LEMState(h, z), h
