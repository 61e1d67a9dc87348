"""The linear dynamical system, and Model 3 of the notes."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell
from everystep.cells.initial import bias as make_bias
from everystep.cells.initial import orthogonal, uniform
from everystep.cells.registry import register


class LinearState(NamedTuple):
    """What a linear system remembers."""

    s: Tensor  # (batch, state)


@register("linear")
class LinearSystem(Cell[LinearState]):
    r"""Linear state-space system.

    .. math::
        s(t+1) &= W s(t) + U x(t+1) + b \\
        y(t+1) &= V s(t+1) + c

    Without biases and with sizes (1, 3, 1) it has the 15 numbers of the worked example's Model 3. The readout sees the
    state *after* the step, so there is no direct path from x to y beside V U.

    W starts orthogonal (the state neither grows nor dies), U and V uniform with variance 1 / columns, b and c zero.

    Args:
        input_size: Features of x; 0 for an autonomous system.
        state_size: Features of s.
        output_size: Features of y; as many as s when not given.
        bias: False leaves b and c out.

    Example:
        >>> import torch, everystep as es
        >>> model3 = es.cells.LinearSystem(1, 3, 1, bias=False)
        >>> with torch.no_grad():
        ...     _ = model3.W.copy_(torch.tensor([[0., 0, 0], [1, 0, 0], [0, 1, 0]]))
        ...     _ = model3.U.copy_(torch.tensor([[1.], [0], [0]]))
        ...     _ = model3.V.copy_(torch.tensor([[1., 1, 1]]))
        >>> x = torch.arange(1.0, 6).reshape(5, 1, 1)
        >>> es.unroll(model3, x).y.flatten().tolist()
        [1.0, 3.0, 6.0, 9.0, 12.0]

    Source: Kalman (1960), "On the general theory of control systems"; the readout is taken after the step.
    """

    State = LinearState

    def __init__(self, input_size: int, state_size: int, output_size: int | None = None, *, bias: bool = True) -> None:
        output_size = state_size if output_size is None else output_size
        super().__init__(input_size, output_size, s=state_size)
        self.W = orthogonal(state_size, state_size)
        self.U = uniform(state_size, input_size)
        self.b = make_bias(state_size, bias)
        self.V = uniform(output_size, state_size)
        self.c = make_bias(output_size, bias)

    def step(self, state: LinearState, x: Tensor) -> tuple[LinearState, Tensor]:
        s = F.linear(state.s, self.W) + F.linear(x, self.U, self.b)  # W s(t) + U x(t+1) + b
        y = F.linear(s, self.V, self.c)  # V s(t+1) + c
        return LinearState(s), y
