"""What the cells of the three operators share: weights under ONNX's letters, and activations that a node chose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn

from everystep.cell import Cell
from everystep.onnx.activations import Sigma


class Weights(NamedTuple):
    """The weights of one direction; those that a node leaves out are None."""

    W: Tensor  # (gates * hidden, input)
    R: Tensor  # (gates * hidden, hidden)
    B: Tensor | None  # (2 * gates * hidden,)  of the product with x, then of that with the state
    P: Tensor | None  # (3 * hidden,)


class Operator(Cell[Any]):
    """One step of a recurrent ONNX operator.

    Args:
        weights: Of one direction, gates in ONNX's order; they become parameters.
        sigmas: The activation functions, in ONNX's order, as many as there are ``defaults``.
    """

    gates: ClassVar[int]
    defaults: ClassVar[tuple[str, ...]]  # what the activations are when a node names none

    W: nn.Parameter
    R: nn.Parameter
    B: nn.Parameter | None
    P: nn.Parameter | None

    def __init__(self, weights: Weights, sigmas: Sequence[Sigma]) -> None:
        hidden = weights.R.shape[-1]
        super().__init__(weights.W.shape[-1], hidden, **dict.fromkeys(self.State._fields, hidden))
        for name, value in weights._asdict().items():
            self.register_parameter(name, None if value is None else nn.Parameter(value))
        self.sigmas = tuple(sigmas)

    @property
    def b(self) -> Tensor | None:
        """The two biases together."""
        if self.B is None:
            return None
        b_W, b_R = self.B.chunk(2)
        return b_W + b_R
