"""The steps of `cells/` with the weights of a torch layer: under torch's names, read where the layer keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from everystep import cells
from everystep.cell import Cell
from everystep.cells.activation import activation

Weights = Mapping[str, Tensor | None]  # weight_ih, weight_hh and, where there are such, bias_ih, bias_hh, weight_hr


class Bound(Cell[Any]):
    """A cell whose weights belong to a layer.

    It never changes: where a layer's weights have been replaced, another is bound.

    Args:
        weights: Parameters, or tensors that were computed from some.
        output_size: Features of y.
        part_sizes: Size of each part of the state.
    """

    W: Tensor
    U: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None
    sizes: tuple[int, ...]  # of the parts of the state

    def __init__(self, weights: Weights, output_size: int, **part_sizes: int) -> None:
        W, U = weights["weight_hh"], weights["weight_ih"]
        assert W is not None
        assert U is not None
        Cell.__init__(self, U.shape[1], output_size, **part_sizes)
        self.sizes = tuple(part_sizes.values())
        self._parameters.update({"W": W, "U": U, "bias_ih": None, "bias_hh": None, **_others(weights)})  # type: ignore[arg-type]

    def __deepcopy__(self, memo: dict[int, Any]) -> Bound:
        """Copy the weights as numbers: those that were computed have no copy otherwise."""
        copy = Cell.__new__(type(self))
        memo[id(self)] = copy
        held = {name: dict(value) if isinstance(value, dict) else value for name, value in vars(self).items()}
        copy.__dict__ = held | {"_parameters": {name: _copied(value) for name, value in self._parameters.items()}}
        return copy


def _others(weights: Weights) -> dict[str, Tensor | None]:
    return {name: value for name, value in weights.items() if name not in {"weight_hh", "weight_ih"}}


def _copied(value: Tensor | None) -> Tensor | None:
    return None if value is None else torch.nn.Parameter(value.detach().clone(), requires_grad=value.requires_grad)


def _sum_of_biases(cell: Any) -> Tensor | None:
    return None if cell.bias_ih is None else cell.bias_ih + cell.bias_hh


class LSTM(Bound, cells.LSTM):
    """An LSTM with two biases."""

    b = property(_sum_of_biases)

    def __init__(self, weights: Weights, hidden_size: int) -> None:
        super().__init__(weights, hidden_size, h=hidden_size, c=hidden_size)


class LSTMP(Bound, cells.LSTMP):
    """An LSTM with projection and two biases."""

    b = property(_sum_of_biases)
    P = property(lambda cell: cell.weight_hr)

    def __init__(self, weights: Weights, hidden_size: int, projection_size: int) -> None:
        super().__init__(weights, projection_size, h=projection_size, c=hidden_size)


class GRU(Bound, cells.GRU):
    """A GRU with two biases; the second one's last third lies inside the reset."""

    gates: Tensor  # (3 hidden,): 1 for reset and update, 0 for the candidate

    def __init__(self, weights: Weights, hidden_size: int) -> None:
        super().__init__(weights, hidden_size, h=hidden_size)
        self.reset = "after"
        if self.bias_hh is not None:
            ones = self.bias_hh.new_ones(2 * hidden_size)
            self._buffers["gates"] = torch.cat([ones, ones.new_zeros(hidden_size)])

    @property
    def b(self) -> Tensor | None:
        """``bias_ih + bias_hh`` for reset and update, ``bias_ih`` for the candidate."""
        if self.bias_ih is None or self.bias_hh is None:
            return None
        return torch.addcmul(self.bias_ih, self.bias_hh, self.gates.to(self.bias_hh))

    @property
    def d(self) -> Tensor | None:
        """What of ``bias_hh`` belongs to the candidate."""
        return None if self.bias_hh is None else self.bias_hh[2 * self.output_size :]


class RNN(Bound, cells.Elman):
    """An Elman network without a readout, with two biases."""

    b = property(_sum_of_biases)

    def __init__(self, weights: Weights, hidden_size: int, nonlinearity: str) -> None:
        super().__init__(weights, hidden_size, s=hidden_size)
        self.sigma_h = activation("RNN", "nonlinearity", nonlinearity)
        self.sigma_o = activation("RNN", "sigma_o", "identity")
        self.V = self.c = None


Bind = Callable[[Weights], Bound]
