"""The ONNX operator LSTM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor
from torch.nn import functional as F

from everystep.cell import tap
from everystep.onnx.activations import Sigma
from everystep.onnx.operator import Operator, Weights


class LSTMState(NamedTuple):
    """What the operator LSTM remembers."""

    h: Tensor  # (batch, hidden)
    c: Tensor  # (batch, hidden)


class LSTM(Operator):
    r"""One step of the operator LSTM; gates lie as i, o, f, c, peepholes as i, o, f.

    .. math::
        i_t &= f(X_t W_i^T + H_{t-1} R_i^T + P_i \odot C_{t-1} + b_{Wi} + b_{Ri}) \\
        f_t &= f(X_t W_f^T + H_{t-1} R_f^T + P_f \odot C_{t-1} + b_{Wf} + b_{Rf})
            && \text{1 - i_t with input\_forget} \\
        c_t &= g(X_t W_c^T + H_{t-1} R_c^T + b_{Wc} + b_{Rc}) \\
        C_t &= f_t \odot C_{t-1} + i_t \odot c_t \\
        o_t &= f(X_t W_o^T + H_{t-1} R_o^T + P_o \odot C_t + b_{Wo} + b_{Ro}) \\
        H_t &= o_t \odot h(C_t)

    i is tapped as ``input``, f as ``forget``, c as ``candidate``, o as ``output``.

    Args:
        weights: Of one direction.
        sigmas: f, g and h.
        input_forget: The attribute of this name.

    Source: ONNX operators, LSTM (opset 22).
    """

    State = LSTMState
    gates = 4
    defaults = ("Sigmoid", "Tanh", "Tanh")

    def __init__(self, weights: Weights, sigmas: Sequence[Sigma], *, input_forget: int = 0) -> None:
        super().__init__(weights, sigmas)
        self.coupled = bool(input_forget)

    def step(self, state: LSTMState, x: Tensor) -> tuple[LSTMState, Tensor]:
        """Take one step."""
        f, g, h = self.sigmas
        P_i, P_o, P_f = (None, None, None) if self.P is None else self.P.chunk(3)
        i, o, keep, c = (F.linear(x, self.W, self.b) + F.linear(state.h, self.R)).chunk(4, dim=-1)
        i = tap("input", f(_seeing(state.c, i, P_i)))
        keep = tap("forget", 1 - i if self.coupled else f(_seeing(state.c, keep, P_f)))
        c = tap("candidate", g(c))
        C = keep * state.c + i * c
        o = tap("output", f(_seeing(C, o, P_o)))
        H = o * h(C)
        return LSTMState(H, C), H


def _seeing(C: Tensor, gate: Tensor, P: Tensor | None) -> Tensor:
    return gate if P is None else gate + P * C
