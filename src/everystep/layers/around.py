"""Ways around a layer: its input added to its output, or put beside it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from everystep.cell import Cell
from everystep.errors import ShapeError
from everystep.layers.asked import Asked
from everystep.layers.layer import Layer, Layered, without_padding
from everystep.layers.ways import OneWay


class _Around(Layer):
    """A layer with a way around it; its state and its paths are those of the layer inside."""

    def __init__(self, layer: Layer | Cell[Any]) -> None:
        super().__init__()
        self.layer = OneWay(layer) if isinstance(layer, Cell) else layer

    def run(self, x: Any, state: Any, asked: Asked) -> Layered:
        """Run the layer, and join its output and its input."""
        out = self.layer.run(x, state, asked)
        y = self._joined(without_padding(asked.used, x), out.y)
        return Layered(y, out.state, out.record, out.engines, out.why)

    def initial_state(self, batch_size: int, like: Tensor, context: Any = None) -> Any:
        """Make the state before the first step."""
        return self.layer.initial_state(batch_size, like, context)

    def _joined(self, x: Any, y: Tensor) -> Tensor:
        raise NotImplementedError


class Residual(_Around):
    r"""A layer whose output is added to its input.

    .. math:: y = \mathrm{layer}(x) + P x

    Args:
        layer: A layer or a cell; a :class:`Sequential` gives a block with normalisation and dropout inside.
        project: P, a module without bias where sizes differ; the identity when not given.

    Raises:
        ShapeError: When called, where x and the output differ in size.

    Example:
        >>> import torch, everystep as es
        >>> from torch import nn
        >>> block = es.layers.Residual(es.layers.Sequential(nn.LayerNorm(8), es.cells.GRU(8, 8), nn.Dropout(0.1)))
        >>> block(torch.randn(20, 4, 8)).y.shape
        torch.Size([20, 4, 8])

    Source: He et al. (2016), "Deep residual learning for image recognition"; between recurrent layers: Wu et al.
    (2016), "Google's neural machine translation system", section 3.1.
    """

    def __init__(self, layer: Layer | Cell[Any], project: nn.Module | None = None) -> None:
        super().__init__(layer)
        self.project = project
        self.output_size = self.layer.output_size

    def _joined(self, x: Any, y: Tensor) -> Tensor:
        around = x if self.project is None else self.project(x)
        if not isinstance(around, Tensor) or around.shape != y.shape:
            came = f"{around.shape[-1]} features" if isinstance(around, Tensor) else "several streams"
            raise ShapeError(
                f"Residual: x has {came} and the layer puts out {y.shape[-1]}; expected as many: "
                f"pass project=nn.Linear({getattr(around, 'shape', (0,))[-1]}, {y.shape[-1]}, bias=False)."
            )
        return y + around


class Skip(_Around):
    r"""A layer whose input goes on beside its output.

    .. math:: y = [\mathrm{layer}(x),\ x]

    In a stack of such layers every layer, and what comes after, sees x and all that the layers before it made.

    Args:
        layer: A layer or a cell.

    Example:
        >>> import torch, everystep as es
        >>> dense = es.layers.Sequential(es.layers.Skip(es.cells.GRU(3, 8)), es.layers.Skip(es.cells.GRU(11, 8)))
        >>> dense(torch.randn(20, 4, 3)).y.shape
        torch.Size([20, 4, 19])

    Source: skip connections between recurrent layers: Graves (2013), "Generating sequences with recurrent neural
    networks", section 2; concatenation: Huang et al. (2017), "Densely connected convolutional networks".
    """

    def __init__(self, layer: Layer | Cell[Any]) -> None:
        super().__init__(layer)
        taken = layer.input_size if isinstance(layer, Cell) else None
        if isinstance(taken, int) and self.layer.output_size is not None:
            self.output_size = self.layer.output_size + taken

    def _joined(self, x: Any, y: Tensor) -> Tensor:
        if not isinstance(x, Tensor):
            raise ShapeError("Skip: x has several streams; expected one tensor (time, batch, input).")
        return torch.cat([y, x], dim=-1)
