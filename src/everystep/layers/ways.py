"""One layer of cells: in one direction, or in both with their outputs merged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from everystep.cell import Cell
from everystep.engines.stepping import described
from everystep.errors import ArgumentError, ShapeError, StateError, unknown
from everystep.layers.asked import Asked, prefixed
from everystep.layers.layer import Layer, Layered
from everystep.layers.states import Ways
from everystep.unroll import unroll

Merge = Callable[[Tensor, Tensor], Tensor]

MERGES: dict[str, Merge] = {
    "concat": lambda forward, reverse: torch.cat([forward, reverse], dim=-1),
    "sum": lambda forward, reverse: forward + reverse,
    "mean": lambda forward, reverse: (forward + reverse) / 2,
    "multiply": lambda forward, reverse: forward * reverse,
}


class OneWay(Layer):
    """A cell over time, in one direction.

    Args:
        cell: Any cell.
        reverse: From the last step of each sequence to its first.

    Example:
        >>> import torch, everystep as es
        >>> layer = es.layers.OneWay(es.cells.GRU(3, 8))
        >>> out = layer(torch.randn(20, 4, 3), lengths=[20, 7, 0, 12])
        >>> out.y.shape, out.state.forward.h.shape
        (torch.Size([20, 4, 8]), torch.Size([4, 8]))
    """

    def __init__(self, cell: Cell[Any], *, reverse: bool = False) -> None:
        super().__init__()
        self.cell = _checked("OneWay", cell)
        self.way = "reverse" if reverse else "forward"
        self.output_size = cell.output_size

    def run(self, x: Any, state: Any, asked: Asked) -> Layered:
        """Run the cell."""
        start = getattr(_ways(self, state, self.way), self.way)
        out = along(self.cell, self.way, x, start, asked.among([self.way])[self.way])
        return Layered(out.y, Ways(**{self.way: out.state}), out.record, out.engines, out.why)

    def initial_state(self, batch_size: int, like: Tensor, context: Any = None) -> Ways:
        """Make the state before the first step."""
        return Ways(**{self.way: _start(self.cell, batch_size, like, context)})

    def extra_repr(self) -> str:
        """Show the direction."""
        return self.way


class BothWays(Layer):
    """Two cells over time, one from the first step on and one from the last back, and their outputs merged.

    The reverse cell begins at the last step of each sequence, wherever its padding begins. ``state.forward`` is the
    state after the last step and ``state.reverse`` that after the first: each has seen the whole sequence.

    Args:
        forward: The cell that goes from the first step to the last.
        reverse: The cell that goes from the last step to the first; it has parameters of its own.
        merge: How two outputs (time, batch, output) become one: ``"concat"``, ``"sum"``, ``"mean"``, ``"multiply"``,
            or a function of both, a module perhaps.

    Raises:
        ShapeError: The cells take inputs of different sizes, or their outputs can't be merged.
        UnknownNameError: There is no such merge.

    Example:
        >>> import torch, everystep as es
        >>> layer = es.layers.BothWays(es.cells.LSTM(3, 8), es.cells.LSTM(3, 8))
        >>> out = layer(torch.randn(20, 4, 3), lengths=[20, 7, 0, 12], record=["reverse.forget"])
        >>> out.y.shape, out.record["reverse.forget"].shape
        (torch.Size([20, 4, 16]), torch.Size([20, 4, 8]))

    Source: Schuster & Paliwal (1997), "Bidirectional recurrent neural networks".
    """

    def __init__(self, forward: Cell[Any], reverse: Cell[Any], *, merge: str | Merge = "concat") -> None:
        super().__init__()
        self.forward_cell = _checked("BothWays", forward)
        self.reverse_cell = _checked("BothWays", reverse)
        if forward is reverse:
            raise ArgumentError(
                "BothWays: forward and reverse are one cell; expected two, with parameters of their own."
            )
        if forward.input_size != reverse.input_size:
            raise ShapeError(
                f"BothWays: the forward cell takes {forward.input_size} features and the reverse one "
                f"{reverse.input_size}; expected the same x for both."
            )
        if not callable(merge) and merge not in MERGES:
            raise unknown("BothWays", "merge", merge, MERGES)
        self.merge = merge
        self.output_size = self._merged_size()

    def run(self, x: Any, state: Any, asked: Asked) -> Layered:
        """Run both cells and merge their outputs."""
        state = _ways(self, state, "forward", "reverse")
        of = asked.among(Ways._fields)
        ahead = along(self.forward_cell, "forward", x, state.forward, of["forward"])
        back = along(self.reverse_cell, "reverse", x, state.reverse, of["reverse"])
        return Layered(
            self._merged(ahead.y, back.y),
            Ways(ahead.state, back.state),
            ahead.record | back.record,
            ahead.engines | back.engines,
            ahead.why | back.why,
        )

    def initial_state(self, batch_size: int, like: Tensor, context: Any = None) -> Ways:
        """Make the state before the first step, of both cells."""
        return Ways(*(_start(cell, batch_size, like, context) for cell in (self.forward_cell, self.reverse_cell)))

    def extra_repr(self) -> str:
        """Show how outputs are merged."""
        return f"merge={self.merge!r}" if isinstance(self.merge, str) else ""

    def _merged(self, forward: Tensor, reverse: Tensor) -> Tensor:
        return MERGES[self.merge](forward, reverse) if isinstance(self.merge, str) else self.merge(forward, reverse)

    def _merged_size(self) -> int:
        sizes = self.forward_cell.output_size, self.reverse_cell.output_size
        if self.merge != "concat" and isinstance(self.merge, str) and sizes[0] != sizes[1]:
            raise ShapeError(
                f'BothWays: the cells put out {sizes[0]} and {sizes[1]} features; merge "{self.merge}" expects as many '
                'from both. merge="concat" takes any.'
            )
        like = next((p for p in self.parameters() if p.is_floating_point()), torch.empty(0))
        with torch.no_grad():
            return self._merged(*(like.new_zeros(1, 1, size) for size in sizes)).shape[-1]


def along(cell: Cell[Any], way: str, x: Any, state: Any, asked: Asked) -> Layered:
    """Run one cell in one direction; its names get the direction before them."""
    resets = asked.resets
    if way == "reverse" and resets is not None:
        resets = last_steps(resets, asked.used)
    out = unroll(
        cell, x, state, context=asked.context, mask=asked.used, resets=resets, forced=asked.forced or None,
        reverse=way == "reverse", record=asked.record, recompute=asked.recompute, engine=asked.engine,
    )  # fmt: skip
    return Layered(out.y, out.state, prefixed(way, out.record), {way: out.engine}, {way: out.why})


def last_steps(first: Tensor, used: Tensor | None) -> Tensor:
    """Mark the last step of every episode but the sequence's own last one, given the first step of each.

    Args:
        first: (time, batch) bool.
        used: (time, batch) bool, or None where every step is used.

    Returns:
        (time, batch) bool.
    """
    steps, rows = first.shape
    used = torch.ones_like(first) if used is None else used
    time = torch.arange(1, steps + 1, device=first.device).unsqueeze(1)
    latest = torch.where(used, time, 0).cummax(0).values if steps else time.expand(0, rows)  # counted from 1
    before = torch.cat([latest.new_zeros(1, rows), latest])[:-1] if steps else latest  # the used step before this one
    ends = torch.where(first & used, before, 0)
    return torch.zeros(steps + 1, rows, dtype=torch.bool, device=first.device).scatter(0, ends, True)[1:]


def _start(cell: Cell[Any], batch_size: int, like: Tensor, context: Any) -> Any:
    return cell.initial_state(batch_size, like) if context is None else cell.initial_state(batch_size, like, context)


def _checked(who: str, cell: Any) -> Any:
    if not isinstance(cell, Cell):
        came = f"the class {cell.__name__}" if isinstance(cell, type) else described(cell)
        raise ArgumentError(f"{who}: cell is {came}; expected a cell, such as LSTM(input_size, hidden_size).")
    return cell


def _ways(layer: Layer, state: Any, *ways: str) -> Ways:
    """Check the state of a layer: a cell's state for each of its directions, and no other."""
    if state is None:
        return Ways()
    if not isinstance(state, Ways) or any((getattr(state, way) is None) == (way in ways) for way in Ways._fields):
        expected = ", ".join(f"{way}=..." for way in ways)
        raise StateError(f"{type(layer).__name__}: state is {described(state)}; expected Ways({expected}).")
    return state
