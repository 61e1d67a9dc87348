"""A stack of cells made from sizes alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from numbers import Integral
from typing import Any

from torch import nn

from everystep.cell import Cell
from everystep.errors import ArgumentError, counted
from everystep.layers.around import Residual
from everystep.layers.dropout import Dropout
from everystep.layers.layer import Layer
from everystep.layers.sequential import Sequential
from everystep.layers.ways import BothWays, Merge, OneWay

Make = Callable[[int, int], Cell[Any]]


class Recurrent(Sequential):
    """A stack of recurrent layers of any cell, in one direction or in both.

    Every cell is made as ``make(input_size, hidden_size)``; the input size of a layer is what the layer below puts out,
    both directions merged. For a stack that no sizes describe, put the parts together in :class:`Sequential`.

    Args:
        make: A cell class, a function such as ``lambda i, h: Zoneout(LSTM(i, h), h=0.05)``, or one of them for each
            layer.
        sizes: Features of x, then the hidden size of each layer: ``[40, 64, 64]`` is two layers over 40 features.
        bidirectional: Two cells a layer, one in each direction.
        merge: How the outputs of two directions become one, as for :class:`BothWays`.
        dropout: Probability with which an output of a layer is dropped before the next one takes it; not after the
            last.
        residual: Add the input of a layer to its output, wherever both have as many features.

    Raises:
        ArgumentError: The sizes or what makes the cells do not fit together.

    Example:
        >>> import torch, everystep as es
        >>> encoder = es.layers.Recurrent(es.cells.GRU, [40, 64, 64], bidirectional=True, dropout=0.2)
        >>> out = encoder(torch.randn(20, 4, 40), lengths=[20, 7, 0, 12], record=["layer1.reverse.update"])
        >>> out.y.shape, out.state[1].reverse.h.shape
        (torch.Size([20, 4, 128]), torch.Size([4, 64]))
        >>> sorted(encoder.state_dict())[:2]
        ['layer0.forward_cell.U', 'layer0.forward_cell.W']
    """

    def __init__(
        self,
        make: Make | Sequence[Make],
        sizes: Sequence[int],
        *,
        bidirectional: bool = False,
        merge: str | Merge = "concat",
        dropout: float = 0.0,
        residual: bool = False,
    ) -> None:
        makes = _one_a_layer(make, sizes)
        layers = list(_layers(makes, sizes, merge if bidirectional else None, residual=residual))
        super().__init__(*_with_dropout(layers, dropout))


def _layers(makes: Sequence[Make], sizes: Sequence[int], merge: Any, *, residual: bool) -> Iterator[Layer]:
    taken = sizes[0]
    around = False
    for make, hidden in zip(makes, sizes[1:], strict=True):
        layer = (
            OneWay(make(taken, hidden))
            if merge is None
            else BothWays(make(taken, hidden), make(taken, hidden), merge=merge)
        )
        fits = residual and layer.output_size == taken
        around |= fits
        yield Residual(layer) if fits else layer
        assert layer.output_size is not None
        taken = layer.output_size
    if residual and not around:
        raise ArgumentError(
            f"Recurrent: residual, with sizes {list(sizes)}, goes around no layer; expected one that puts out as many "
            "features as it takes in."
        )


def _with_dropout(layers: Sequence[nn.Module], dropout: float) -> Iterator[nn.Module]:
    for number, layer in enumerate(layers):
        if number and dropout:
            yield Dropout(dropout)
        yield layer


def _one_a_layer(make: Make | Sequence[Make], sizes: Sequence[int]) -> Sequence[Make]:
    if not isinstance(sizes, Sequence) or len(sizes) < 2 or not all(isinstance(size, Integral) for size in sizes):
        raise ArgumentError(
            f"Recurrent: sizes is {sizes!r}; expected whole numbers: features of x, then the hidden size of each layer."
        )
    layers = len(sizes) - 1
    makes = [make] * layers if callable(make) else list(make)
    if isinstance(make, Cell) or any(isinstance(one, Cell) or not callable(one) for one in makes):
        raise ArgumentError(
            "Recurrent: make is a cell; expected what makes one, such as the class LSTM. "
            "Cells that are there are stacked by Sequential(cell, cell)."
        )
    if len(makes) != layers:
        raise ArgumentError(
            f"Recurrent: {counted(len(makes), 'cell')} to make and sizes for {counted(layers, 'layer')}; expected as "
            "many, or one for all."
        )
    return makes
