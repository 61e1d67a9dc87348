"""The Jordan network: the recurrence goes through the output."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.activation import activation
from everystep.cells.initial import bias as make_bias
from everystep.cells.initial import orthogonal, uniform
from everystep.cells.registry import register


class JordanState(NamedTuple):
    """What a Jordan network remembers."""

    y: Tensor  # (batch, output)  its own previous output


@register("jordan")
class Jordan(Cell[JordanState]):
    r"""Recurrent network whose state is its output.

    .. math::
        s(t+1) &= \sigma_h(W y(t) + U x(t+1) + b) \\
        y(t+1) &= \sigma_o(V s(t+1) + c)

    s is only a hidden layer, tapped as ``s``: what y does not show is forgotten. Run freely it is fed its own output;
    under teacher forcing (``forced=es.teacher_forcing(target)``) the target of the step before.

    W starts with orthonormal rows or columns, U and V uniform with variance 1 / columns, b and c zero.

    Args:
        input_size: Features of x.
        hidden_size: Features of s.
        output_size: Features of y; as many as s when not given.
        sigma_h: σ_h by name: ``"tanh"``, ``"relu"``, ``"sigmoid"`` or ``"identity"``.
        sigma_o: σ_o by name.
        bias: False leaves b and c out.

    Example:
        >>> import torch, everystep as es
        >>> cell = es.cells.Jordan(input_size=3, hidden_size=8, output_size=2)
        >>> x, target = torch.randn(20, 4, 3), torch.randn(20, 4, 2)
        >>> free = es.unroll(cell, x)
        >>> forced = es.unroll(cell, x, forced=es.teacher_forcing(target))
        >>> free.y.shape == forced.y.shape
        True

    Source: Jordan (1986), "Attractor dynamics and parallelism in a connectionist sequential machine". Jordan's state
    units also feed themselves; here the state is the last output alone, as in the notes.
    """

    State = JordanState

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
        output_size = hidden_size if output_size is None else output_size
        super().__init__(input_size, output_size, y=output_size)
        self.sigma_h = activation("Jordan", "sigma_h", sigma_h)
        self.sigma_o = activation("Jordan", "sigma_o", sigma_o)
        self.W = orthogonal(hidden_size, output_size)
        self.U = uniform(hidden_size, input_size)
        self.b = make_bias(hidden_size, bias)
        self.V = uniform(output_size, hidden_size)
        self.c = make_bias(output_size, bias)

    def step(self, state: JordanState, x: Tensor) -> tuple[JordanState, Tensor]:
        s = self.sigma_h(F.linear(state.y, self.W) + F.linear(x, self.U, self.b))  # σ_h(W y(t) + U x(t+1) + b)
        y = self.sigma_o(F.linear(tap("s", s), self.V, self.c))  # σ_o(V s(t+1) + c)
        return JordanState(y), y
