"""The ONNX operator GRU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import tap
from everystep.onnx.activations import Sigma
from everystep.onnx.operator import Operator, Weights


class GRUState(NamedTuple):
    """What the operator GRU remembers."""

    h: Tensor  # (batch, hidden)


class GRU(Operator):
    r"""One step of the operator GRU; gates lie as z, r, h.

    .. math::
        z_t &= f(X_t W_z^T + H_{t-1} R_z^T + b_{Wz} + b_{Rz}) \\
        r_t &= f(X_t W_r^T + H_{t-1} R_r^T + b_{Wr} + b_{Rr}) \\
        h_t &= g(X_t W_h^T + (r_t \odot H_{t-1}) R_h^T + b_{Rh} + b_{Wh}) && \text{linear\_before\_reset = 0} \\
        h_t &= g(X_t W_h^T + r_t \odot (H_{t-1} R_h^T + b_{Rh}) + b_{Wh}) && \text{otherwise} \\
        H_t &= (1 - z_t) \odot h_t + z_t \odot H_{t-1}

    z is tapped as ``update``, r as ``reset``, h as ``candidate``.

    Args:
        weights: Of one direction.
        sigmas: f and g.
        linear_before_reset: The attribute of this name.

    Source: ONNX operators, GRU (opset 22).
    """

    State = GRUState
    gates = 3
    defaults = ("Sigmoid", "Tanh")

    def __init__(self, weights: Weights, sigmas: Sequence[Sigma], *, linear_before_reset: int = 0) -> None:
        super().__init__(weights, sigmas)
        self.candidate = _linear_before_reset if linear_before_reset else _reset_before_linear

    def step(self, state: GRUState, x: Tensor) -> tuple[GRUState, Tensor]:
        """Take one step."""
        f, g = self.sigmas
        H, hidden = state.h, state.h.shape[-1]
        R_zr, R_h = self.R.split([2 * hidden, hidden])
        b, b_Rh = self._biases(hidden)
        x_zr, x_h = F.linear(x, self.W, b).split([2 * hidden, hidden], dim=-1)
        z, r = f(x_zr + F.linear(H, R_zr)).chunk(2, dim=-1)
        z, r = tap("update", z), tap("reset", r)
        h = tap("candidate", g(x_h + self.candidate(H, r, R_h, b_Rh)))
        H = (1 - z) * h + z * H
        return GRUState(H), H

    def _biases(self, hidden: int) -> tuple[Tensor | None, Tensor | None]:
        """What lies outside the reset (b_W, and b_R of z and r), and b_Rh."""
        if self.B is None:
            return None, None
        b_W, b_R = self.B.chunk(2)
        b_Rzr, b_Rh = b_R.split([2 * hidden, hidden])
        return b_W + torch.cat([b_Rzr, torch.zeros_like(b_Rh)]), b_Rh


def _reset_before_linear(H: Tensor, r: Tensor, R_h: Tensor, b_Rh: Tensor | None) -> Tensor:
    return F.linear(r * H, R_h, b_Rh)


def _linear_before_reset(H: Tensor, r: Tensor, R_h: Tensor, b_Rh: Tensor | None) -> Tensor:
    return r * F.linear(H, R_h, b_Rh)
