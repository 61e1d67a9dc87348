"""A decoder with its readout as one cell: a step of a search."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from everystep.cell import Cell, listen
from everystep.seq2seq.readout import Readout


class Saying(Cell[Any]):
    r"""A decoder as one cell that puts out all that a search asks for: of every symbol how likely it is to come next.

    .. math::
        s(t+1),\ a = \mathrm{step}(s(t),\ e(t+1)), \qquad
        y = [\log \mathrm{softmax}(\mathrm{readout}(a,\ e));\ \alpha]

    x is e, the symbol that enters, embedded; α is where it looked.

    Args:
        cell: The decoder's cell; its context is this one's too.
        readout: Scores every symbol.
        places: Of the memory; 0 for a cell that does not attend.
    """

    def __init__(self, cell: Cell[Any], readout: Readout, places: int) -> None:
        self.State = cell.State
        super().__init__(cell.input_size, len(readout.c) + places, **cell.part_sizes)
        self.cell = cell
        self.readout = readout

    def begun(self, state: Any) -> Any:
        """Give the state before the first step, of the cell's own: the same."""
        return state

    def initial_state(self, batch_size: int, like: Tensor, context: Any = None) -> Any:
        """Make the state before the first step: the cell's own."""
        return self.cell.initial_state(batch_size, like, *(() if context is None else (context,)))

    def step(self, state: Any, x: Tensor, *context: Any) -> tuple[Any, Tensor]:
        """Take a step of the cell, and score what may come next."""
        with listen() as taps:
            state, a = self.cell.step(state, x, *context)
        said = torch.log_softmax(self.readout(a, x), dim=-1)
        return state, torch.cat([said, taps["attention"]], dim=-1) if "attention" in taps else said
