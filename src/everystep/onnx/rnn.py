"""The ONNX operator RNN."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional as F

from everystep.onnx.operator import Operator


class RNNState(NamedTuple):
    """What the operator RNN remembers."""

    h: Tensor  # (batch, hidden)


class RNN(Operator):
    r"""One step of the operator RNN.

    .. math:: H_t = f(X_t W^T + H_{t-1} R^T + b_W + b_R)

    Source: ONNX operators, RNN (opset 22).
    """

    State = RNNState
    gates = 1
    defaults = ("Tanh",)

    def step(self, state: RNNState, x: Tensor) -> tuple[RNNState, Tensor]:
        """Take one step."""
        (f,) = self.sigmas
        h = f(F.linear(x, self.W, self.b) + F.linear(state.h, self.R))
        return RNNState(h), h
