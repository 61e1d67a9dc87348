"""A recurrent ONNX node as a module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from everystep.errors import ArgumentError, ShapeError
from everystep.onnx.operator import Operator
from everystep.unroll import unroll


class Outputs(NamedTuple):
    """What the operators RNN and GRU give; with layout 1 the batch is the first axis."""

    Y: Tensor  # (time, directions, batch, hidden)
    Y_h: Tensor  # (directions, batch, hidden)


class CellOutputs(NamedTuple):
    """What the operator LSTM gives; with layout 1 the batch is the first axis."""

    Y: Tensor  # (time, directions, batch, hidden)
    Y_h: Tensor  # (directions, batch, hidden)
    Y_c: Tensor  # (directions, batch, hidden)


class Recurrent(nn.Module):
    """A recurrent ONNX node, as :func:`load_recurrent` makes it.

    Attributes:
        cells: One for each direction, ordinary cells for :func:`everystep.unroll`, with the node's weights as
            parameters: W (gates * hidden, input), R, B and P, gates in ONNX's order.
        reverse: Whether each direction runs from the last step to the first.
        batch_first: Whether the node's layout is 1.
    """

    sequence_lens: Tensor | None
    initial_h: Tensor | None
    initial_c: Tensor | None

    def __init__(
        self, who: str, cells: Sequence[Operator], reverse: Sequence[bool], *, batch_first: bool, **kept: Tensor | None
    ) -> None:
        super().__init__()
        self.who = who
        self.cells = nn.ModuleList(cells)
        self.reverse = tuple(reverse)
        self.batch_first = batch_first
        for name in ("sequence_lens", "initial_h", "initial_c"):
            self.register_buffer(name, kept.get(name))

    def forward(
        self,
        X: Tensor,
        sequence_lens: Tensor | None = None,
        initial_h: Tensor | None = None,
        initial_c: Tensor | None = None,
    ) -> Outputs | CellOutputs:
        """Run the operator.

        Args:
            X: (time, batch, input); (batch, time, input) with layout 1.
            sequence_lens: Steps of each sequence, (batch,) whole numbers 0..time. Past its end Y is zero.
            initial_h: The state before the first step, (directions, batch, hidden); (batch, directions, hidden) with
                layout 1. What is not given is what the model holds, or else zero.
            initial_c: The memory of an LSTM before the first step, likewise.

        Returns:
            Y, Y_h and for an LSTM Y_c, in ONNX's shapes.

        Raises:
            ShapeError: Something has the wrong shape.
            ArgumentError: ``initial_c`` for an operator that has none, or a length out of range.
        """
        lengths = self.sequence_lens if sequence_lens is None else sequence_lens
        given = {"h": self.initial_h if initial_h is None else initial_h}
        given["c"] = self.initial_c if initial_c is None else initial_c
        self._check(X)
        states = self._states(X, given)
        if self.batch_first:
            X = X.transpose(0, 1)
        outs = [
            unroll(cell, X, state, reverse=reverse) if lengths is None else
            unroll(cell, X, state, lengths=lengths, reverse=reverse)
            for cell, state, reverse in zip(self.cells, states, self.reverse, strict=True)
        ]  # fmt: skip
        across = 1 if self.batch_first else 0
        last = [torch.stack(parts, across) for parts in zip(*(out.state for out in outs), strict=True)]
        Y = torch.stack([out.y for out in outs], 1)  # (time, directions, batch, hidden)
        return (Outputs, CellOutputs)[len(last) - 1](Y.permute(2, 0, 1, 3) if self.batch_first else Y, *last)

    @property
    def _first(self) -> Operator:
        return self.cells[0]  # type: ignore[return-value]

    def _check(self, X: Tensor) -> None:
        size = self._first.input_size
        if X.dim() != 3 or X.shape[-1] != size:
            axes = "batch, time" if self.batch_first else "time, batch"
            raise ShapeError(f"{self.who}: X has shape {tuple(X.shape)}; expected ({axes}, input={size}).")

    def _states(self, X: Tensor, given: dict[str, Tensor | None]) -> list[Any]:
        """The state of each direction before its first step; None where all of it is zero."""
        cell = self._first
        parts: tuple[str, ...] = cell.State._fields
        if "c" not in parts and given["c"] is not None:
            raise ArgumentError(f"{self.who}: initial_c is for an LSTM; this operator remembers h alone.")
        if all(given[part] is None for part in parts):
            return [None] * len(self.cells)
        batch, n, hidden = X.shape[0 if self.batch_first else 1], len(self.cells), cell.output_size
        shape, axes = (n, batch, hidden), "directions={}, batch={}, hidden={}"
        if self.batch_first:
            shape, axes = (batch, n, hidden), "batch={}, directions={}, hidden={}"
        for part in parts:
            value = given[part]
            if value is None:
                given[part] = X.new_zeros(shape)
            elif tuple(value.shape) != shape:
                raise ShapeError(
                    f"{self.who}: initial_{part} has shape {tuple(value.shape)}; expected ({axes.format(*shape)})."
                )
        apart = [given[part].unbind(1 if self.batch_first else 0) for part in parts]  # type: ignore[union-attr]
        return [cell.State(*own) for own in zip(*apart, strict=True)]

    def extra_repr(self) -> str:
        """Show which node it is, and how it lies."""
        return f"{self.who}, reverse={self.reverse}, batch_first={self.batch_first}"
