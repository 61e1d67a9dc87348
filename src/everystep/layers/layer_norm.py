"""Layer normalisation of what enters a step and what leaves it."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from everystep.cell import Cell
from everystep.errors import ArgumentError
from everystep.layers.wrapper import Noise, Wrapper


class LayerNorm(Wrapper):
    r"""A cell with layer normalisation at its inputs, its outputs, or parts of its state.

    .. math:: \mathrm{LN}(a) = g \odot \frac{a - \mathrm{mean}(a)}{\sqrt{\mathrm{var}(a) + \epsilon}} + b

    A part of the state is normalised as the step sees it. To normalise gates before their nonlinearity, which is what
    the paper does, takes a step of its own: ``es.cells`` has an LSTM and a GRU with it.

    Args:
        cell: The cell inside.
        places: ``"inputs"``, ``"outputs"``, or parts of the state by name.

    Raises:
        UnknownNameError: A step has no such place.
        ArgumentError: No place is given, or one twice.

    Example:
        >>> import torch, everystep as es
        >>> cell = es.layers.LayerNorm(es.cells.LSTM(3, 8), "h")
        >>> es.unroll(cell, torch.randn(20, 4, 3)).y.shape
        torch.Size([20, 4, 8])

    Source: Ba, Kiros & Hinton (2016), "Layer normalization".
    """

    def __init__(self, cell: Cell[Any], *places: str) -> None:
        super().__init__(cell)
        if not places or len(set(places)) < len(places):
            raise ArgumentError(
                f'LayerNorm: the places are {places!r}; expected some of "inputs", "outputs" and '
                f"{', '.join(map(repr, self.part_sizes))}, each once."
            )
        self.check_places(places)
        self.changes_y |= "outputs" in places
        # a part may be called as a method of modules is
        self.norms = nn.ModuleDict({f"at_{place}": nn.LayerNorm(list(self.size(place))) for place in places})

    def change(self, place: str, value: Tensor, noise: Noise) -> Tensor:  # noqa: ARG002
        """Normalise features."""
        return self.norms[f"at_{place}"](value) if f"at_{place}" in self.norms else value
