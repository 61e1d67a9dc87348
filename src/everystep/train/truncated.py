"""Truncated back-propagation in the training loop: windows of long sequences as batches, the state in checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from everystep.cell import Cell
from everystep.errors import ShapeError, TrainingError, check_whole
from everystep.layers import Layer, detach, flatten, unflatten
from everystep.layers.truncated import run
from everystep.train.tensor_file import fingerprint


class Window(NamedTuple):
    """A stretch of time of a batch of sequences."""

    x: Tensor  # (window, batch, input)
    target: Tensor  # (window, batch, output)
    first: bool  # whether the sequences begin here


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
        check_whole("Consecutive", "window", window)
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
    """A loss over consecutive windows that carries the state of a cell or a layer from one to the next.

    The carried state has no gradient, and begins anew with each epoch. Checkpoints hold it.

    Args:
        loss: Called as ``loss(y, target)``, both (window, batch, output); gives a scalar.

    Raises:
        TrainingError: When called with a model that is no cell and no layer.

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
        self.carried: dict[str, Tensor] = {}  # parts of the state by path, each (batch, size)

    def __call__(self, model: Any, batch: Window) -> Tensor:
        """Give the loss of one window."""
        if not isinstance(model, Cell | Layer):
            raise TrainingError(
                f"Truncated: the model is a {type(model).__name__}; expected an everystep Cell or layer, whose state "
                "can be carried. For another model write the loop yourself over es.layers.windows(cell, x, window)."
            )
        out = run(model, batch.x, None, None, None if batch.first else self._state(model, batch.x))
        self.carried = flatten(detach(out.state))
        return self.loss(out.y, batch.target)

    def _state(self, model: Cell[Any] | Layer, x: Tensor) -> Any:
        carried = {path: value.to(x.device) for path, value in self.carried.items()}
        return unflatten(carried, like=model.initial_state(x.shape[1], next(iter(carried.values()), x)))
