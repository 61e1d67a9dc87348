"""A start that is learned."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from everystep.cell import Cell, part_shape
from everystep.layers.wrapper import Wrapper


class LearnedStart(Wrapper):
    """A cell whose state before the first step is learned.

    The start begins as zeros and is one for all sequences. ``resets`` put it back, and gradients reach it from there
    too.

    Args:
        cell: The cell inside. A part whose size a context gives can't be learned.

    Raises:
        StateError: The size of a part is that of a context.

    Example:
        >>> import torch, everystep as es
        >>> cell = es.layers.LearnedStart(es.cells.LSTM(3, 8))
        >>> es.unroll(cell, torch.randn(20, 4, 3)).y.sum().backward()
        >>> cell.start["c"].grad.shape
        torch.Size([8])
    """

    def __init__(self, cell: Cell[Any]) -> None:
        super().__init__(cell)
        self.start = nn.ParameterDict({part: torch.zeros(part_shape(cell, part)) for part in cell.part_sizes})

    def initial_state(self, batch_size: int, like: Tensor, context: Any = None) -> Any:  # noqa: ARG002
        """Give the start, for every row of the batch."""
        return self.State(**{part: value.expand(batch_size, *value.shape) for part, value in self.start.items()})
