"""Truncated back-propagation through time: long sequences in windows, the state carried over, its gradient cut."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from torch import Tensor

from everystep.cell import Cell
from everystep.errors import ArgumentError, ShapeError, TrainingError
from everystep.train.tensor_file import fingerprint
from everystep.unroll import Unrolled, unroll


class Window(NamedTuple):
    """A stretch of time of a batch of sequences."""

    x: Tensor  # (window, batch, input)
    target: Tensor  # (window, batch, output)
    first: bool  # whether the sequences begin here


def windows(cell: Cell[Any], x: Tensor, window: int, state: Any = None) -> Iterator[tuple[slice, Unrolled]]:
    """Unroll a long sequence window by window, for a training loop of one's own.

    Gradients flow within a window and stop at its start; a window as long as x is full back-propagation.

    Args:
        cell: The cell.
        x: Input, (time, batch, input).
        window: Steps in a window, 1 or more.
        state: State before the first step; None is the cell's own start.

    Yields:
        The place of the window in time, and what ``unroll`` gave for it.

    Raises:
        ArgumentError: ``window`` is not a whole number, 1 or more.

    Example:
        >>> import torch
        >>> from everystep.cells import LSTM
        >>> from everystep.train import windows
        >>> cell, x, target = LSTM(1, 2), torch.randn(10, 3, 1), torch.randn(10, 3, 2)
        >>> optimizer = torch.optim.SGD(cell.parameters(), lr=0.1)
        >>> for place, out in windows(cell, x, window=4):
        ...     optimizer.zero_grad()
        ...     torch.nn.functional.mse_loss(out.y, target[place]).backward()
        ...     _ = optimizer.step()

    Source:
        Williams and Peng, An efficient gradient-based algorithm for on-line training of recurrent network
        trajectories, 1990.
    """
    _check_window("windows", window)
    for start in range(0, x.shape[0], window):
        place = slice(start, min(start + window, x.shape[0]))
        out = unroll(cell, x[place], state)
        yield place, out
        state = _detached(out.state)


class Consecutive:
    """Batches that are the windows of long sequences, in the order of time; an epoch goes through all of them.

    Args:
        x: Input, (time, batch, input).
        target: What is to be put out, (time, batch, output).
        window: Steps in a window, 1 or more; the last window may be shorter.

    Raises:
        ShapeError: x and target differ in time or batch, or there is no step.
        ArgumentError: ``window`` is not a whole number, 1 or more.

    Example:
        >>> import torch
        >>> from everystep.train import Consecutive
        >>> batches = Consecutive(torch.zeros(10, 3, 1), torch.zeros(10, 3, 2), window=4)
        >>> [tuple(batches.batch(0, i).x.shape) for i in range(len(batches))]
        [(4, 3, 1), (4, 3, 1), (2, 3, 1)]
    """

    def __init__(self, x: Tensor, target: Tensor, window: int) -> None:
        _check_window("Consecutive", window)
        if x.dim() < 2 or x.shape[:2] != target.shape[:2] or x.shape[0] == 0:
            raise ShapeError(
                f"Consecutive: x has shape {tuple(x.shape)} and target {tuple(target.shape)}; "
                "expected (time, batch, feature) with the same time, 1 or more, and batch."
            )
        self.x, self.target, self.window = x, target, window

    def __len__(self) -> int:
        return math.ceil(self.x.shape[0] / self.window)

    def batch(self, epoch: int, index: int) -> Window:  # noqa: ARG002  (every epoch is the same)
        """Give one window."""
        place = slice(index * self.window, (index + 1) * self.window)
        return Window(self.x[place], self.target[place], first=index == 0)

    def name(self, epoch: int, index: int) -> str:  # noqa: ARG002
        """Say which steps a window holds."""
        stop = min((index + 1) * self.window, self.x.shape[0])
        return f"time {index * self.window} to {stop - 1}"

    def facts(self) -> dict[str, Any]:
        """Give the window and a fingerprint of each tensor."""
        return {"window": self.window, "x": fingerprint(self.x), "target": fingerprint(self.target)}


class Truncated:
    """A loss over consecutive windows that carries the state of a cell from one to the next.

    The carried state has no gradient, and begins anew with each epoch. Checkpoints hold it.

    Args:
        loss: Called as ``loss(y, target)``, both (window, batch, output); gives a scalar.

    Raises:
        TrainingError: When called with a model that is no ``Cell``.

    Example:
        >>> import torch
        >>> from everystep.cells import Elman
        >>> from everystep.train import Consecutive, Settings, Truncated, train
        >>> x = torch.randn(30, 2, 1, generator=torch.Generator().manual_seed(0))
        >>> batches = Consecutive(x, x.cumsum(0).tanh(), window=10)
        >>> loss = Truncated(torch.nn.functional.mse_loss)
        >>> train(Elman(1, 4, 1), loss, batches, Settings(epochs=2), progress="quiet").steps
        6
    """

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.loss = loss
        self.carried: dict[str, Tensor] = {}  # parts of the state, each (batch, size)

    def __call__(self, cell: Any, batch: Window) -> Tensor:
        """Give the loss of one window."""
        if not isinstance(cell, Cell):
            raise TrainingError(
                f"Truncated: the model is a {type(cell).__name__}; expected an everystep Cell, whose state can be "
                "carried. For another model write the loop yourself over windows(cell, x, window)."
            )
        carried = {part: value.to(batch.x.device) for part, value in self.carried.items()}
        out = unroll(cell, batch.x, None if batch.first else cell.State(**carried))
        self.carried = _detached(out.state)._asdict()
        return self.loss(out.y, batch.target)


def _detached(state: Any) -> Any:
    return type(state)(*(part.detach() for part in state))


def _check_window(who: str, window: int) -> None:
    if not isinstance(window, int) or window < 1:
        raise ArgumentError(f"{who}: window is {window!r}; expected a whole number, 1 or more.")
