"""The two sides: a cell of everystep, and the layer of torch.nn that is the same network; each with a linear readout.

Both start as their makers have them start.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from everystep.cells import CELLS
from everystep.unroll import unroll
from recipes.learning.task import Task

OURS, TORCH = "everystep", "torch.nn"
TWINS: dict[str, Callable[[int, int], nn.Module]] = {
    "elman": nn.RNN,
    "elman_relu": lambda inputs, hidden: nn.RNN(inputs, hidden, nonlinearity="relu"),
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "lstmp": lambda inputs, hidden: nn.LSTM(inputs, hidden, proj_size=-(-hidden // 2)),
}


class Network(nn.Module):
    """A recurrent part and a linear readout, dropout in front of both."""

    def __init__(self, recurrent: nn.Module, size: int, task: Task) -> None:
        super().__init__()
        self.recurrent = recurrent
        self.input_dropout = nn.Dropout(task.settings.input_dropout)
        self.dropout = nn.Dropout(task.settings.dropout)
        self.readout = nn.Linear(size, task.outputs)

    def forward(self, x: Tensor, where: Tensor | None = None) -> Tensor:
        """Give the outputs of every step, or (batch, output) of the one step of each sequence that is asked for."""
        y = self.run(self.input_dropout(x))  # (time, batch, size)
        if where is not None:
            y = y[where, range(y.shape[1])]
        return self.readout(self.dropout(y))

    def run(self, x: Tensor) -> Tensor:
        """Run the recurrent part from a zero start."""
        raise NotImplementedError


class Ours(Network):
    """A cell, unrolled."""

    def run(self, x: Tensor) -> Tensor:
        """Unroll the cell."""
        return unroll(self.recurrent, x).y  # pyright: ignore[reportArgumentType]


class Twin(Network):
    """A layer of torch."""

    def run(self, x: Tensor) -> Tensor:
        """Call the layer."""
        return self.recurrent(x)[0]


def network(task: Task, cell: str, side: str) -> Network:
    """Make the network of one side."""
    hidden = task.settings.hidden
    if side == OURS:
        recurrent = CELLS[cell](task.inputs, hidden)
        return Ours(recurrent, recurrent.output_size, task)
    recurrent = TWINS[cell](task.inputs, hidden)
    return Twin(recurrent, getattr(recurrent, "proj_size", 0) or hidden, task)
