"""A stack of cells as one cell: one step of it is a step of each."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from everystep.cell import Cell, listen, tap
from everystep.errors import ArgumentError, ShapeError
from everystep.seq2seq.noise import noised, parted
from everystep.seq2seq.states import named_state
from everystep.unroll import unroll


class Stacked(Cell[Any]):
    r"""Cells on top of each other, as one cell: what one puts out at a step the next takes in at the same step.

    .. math:: s_l(t+1),\ y_l = \mathrm{step}_l(s_l(t),\ y_{l-1}), \qquad y_0 = x(t+1),\quad y = y_L

    A stack whose output is fed back, or that attends, has to take its steps as one; where nothing is fed back,
    :meth:`over` runs layer after layer. Parts of the state and taps are named ``layer0_h``, ``layer1_forget`` ...

    Args:
        cells: One cell or more, first to last; each takes what the one before puts out.

    Raises:
        ArgumentError: There is no cell.
        ShapeError: A cell does not take what the one before puts out.

    Example:
        >>> import torch, everystep as es
        >>> from everystep.seq2seq import Stacked
        >>> cell = Stacked(es.cells.LSTM(3, 8), es.cells.GRU(8, 5))
        >>> out = es.unroll(cell, torch.randn(20, 4, 3), record=["layer0_forget"])
        >>> out.y.shape, out.state._fields
        (torch.Size([20, 4, 5]), ('layer0_h', 'layer0_c', 'layer1_h'))
    """

    def __init__(self, *cells: Cell[Any]) -> None:
        _check(cells)
        sizes = {f"layer{n}_{part}": size for n, cell in enumerate(cells) for part, size in cell.part_sizes.items()}
        self._parts = tuple(sizes)
        self.State = named_state(*self._parts)
        super().__init__(cells[0].input_size, cells[-1].output_size, **sizes)
        self.cells: Any = nn.ModuleList(cells)

    def initial_state(self, batch_size: int, like: Tensor, context: Any = None) -> Any:  # noqa: ARG002
        """Make the state before the first step: each cell's own."""
        return self.State(*(part for cell in self.cells for part in cell.initial_state(batch_size, like)))

    @property
    def draws(self) -> bool:
        """Whether something is drawn for an unroll."""
        return any(cell.draws for cell in self.cells)

    def noised(self, x: Any, context: Any = None) -> tuple[Any, Any]:
        """Put beside x and context what each cell draws."""
        return noised(list(self.cells), x, context)

    def step(self, state: Any, x: Any, *context: Any) -> tuple[Any, Tensor]:
        """Take a step of each cell."""
        y, of_step = parted(x, len(self.cells))
        _, of_row = parted(context[0] if context else None, len(self.cells))
        after = []
        for n, (cell, before) in enumerate(zip(self.cells, self.apart(state), strict=True)):
            with listen() as taps:
                state_n, y = cell.step(before, of_step[n].beside(y), *of_row[n].context)
            for name, value in taps.items():
                tap(f"layer{n}_{name}", value)
            after += state_n
        return self.State(*after), y

    def apart(self, state: Any) -> list[Any]:
        """Give each cell's state."""
        parts = iter(state)
        return [cell.State(*(next(parts) for _ in cell.State._fields)) for cell in self.cells]

    def over(self, x: Any, state: Any, lengths: Tensor | None = None, engine: str = "auto") -> tuple[Tensor, str]:
        """Run layer after layer over whole sequences, where no later step takes in what this stack puts out.

        Args:
            x: (time, batch, input).
            state: State before the first step.
            lengths: As for ``unroll``.
            engine: As for ``unroll``.

        Returns:
            y, (time, batch, output), and the engines that ran.
        """
        engines = {}
        for cell, before in zip(self.cells, self.apart(state), strict=True):
            out = unroll(cell, x, before, lengths=lengths, engine=engine)
            x = out.y
            engines[out.engine] = None
        return x, " and ".join(engines)


def _check(cells: tuple[Cell[Any], ...]) -> None:
    if not cells or not all(isinstance(cell, Cell) for cell in cells):
        raise ArgumentError(f"Stacked: got {cells!r}; expected one cell or more, such as LSTM(3, 8), LSTM(8, 8).")
    for below, cell in pairwise(cells):
        if cell.input_size != below.output_size:
            raise ShapeError(
                f"Stacked: {type(cell).__name__} takes {cell.input_size} features and {type(below).__name__} before it "
                f"puts out {below.output_size}; expected the same."
            )
