"""Batches by number: batch ``index`` of epoch ``epoch`` is always the same one, whoever asks and whenever."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from everystep.errors import DataError, check_whole
from everystep.train.tensor_file import fingerprint

Tensors = Tensor | tuple[Tensor, ...] | dict[str, Tensor]  # a NamedTuple of tensors is a tuple


class Batches(Protocol):
    """What the loop asks of data."""

    def __len__(self) -> int:
        """Give the number of batches in an epoch."""
        ...

    def batch(self, epoch: int, index: int) -> Any:
        """Give one batch; the same bits each time it is asked for."""
        ...

    def name(self, epoch: int, index: int) -> str:
        """Say which examples a batch holds, for an error message."""
        ...

    def facts(self) -> dict[str, Any]:
        """Describe the data in plain values: equal facts mean equal batches."""
        ...


class Shuffled:
    """Batches of the same examples in a new order each epoch; the last batch of an epoch may be smaller.

    Args:
        tensors: One tensor, or a tuple, NamedTuple or dict of tensors with the same number of examples.
        batch_size: Examples in a batch, 1 or more.
        seed: Start of the random order, 0 or more.
        axis: The axis that counts examples: 0, or 1 for time-major (time, batch, feature).

    Raises:
        DataError: There is no example, or the tensors differ in their number.
        ArgumentError: ``batch_size`` is not a whole number, 1 or more, or the seed not one, 0 or more.

    Example:
        >>> import torch
        >>> from everystep.train import Shuffled
        >>> batches = Shuffled(torch.arange(5), batch_size=2, seed=0)
        >>> sorted(torch.cat([batches.batch(0, i) for i in range(len(batches))]).tolist())
        [0, 1, 2, 3, 4]
    """

    def __init__(self, tensors: Tensors, batch_size: int, seed: int = 0, axis: int = 0) -> None:
        self.tensors, self.batch_size, self.seed, self.axis = tensors, batch_size, seed, axis
        check_whole("Shuffled", "batch_size", batch_size)
        check_whole("Shuffled", "seed", seed, least=0)
        counts = {name: _count(name, tensor, axis) for name, tensor in named_tensors(tensors)}
        if len(set(counts.values())) != 1 or 0 in counts.values():
            listed = ", ".join(f"{name} has {count}" for name, count in counts.items()) or "no tensor came"
            raise DataError(
                f"Shuffled: {listed} examples on axis {axis}; expected the same number, 1 or more, in each."
            )
        self.count = next(iter(counts.values()))
        self._order: tuple[int, Tensor] = (-1, torch.empty(0, dtype=torch.long))

    def __len__(self) -> int:
        return math.ceil(self.count / self.batch_size)

    def rows(self, epoch: int, index: int) -> Tensor:
        """Give the places of a batch's examples in the tensors, (examples,)."""
        if self._order[0] != epoch:
            self._order = (epoch, torch.randperm(self.count, generator=generator(self.seed, epoch)))
        return self._order[1][index * self.batch_size : (index + 1) * self.batch_size]

    def batch(self, epoch: int, index: int) -> Any:
        """Give one batch, in the structure that the tensors came in."""
        rows = self.rows(epoch, index)
        return _map(self.tensors, lambda tensor: tensor.index_select(self.axis, rows.to(tensor.device)))

    def name(self, epoch: int, index: int) -> str:
        """Say which rows a batch holds."""
        rows = self.rows(epoch, index).tolist()
        more = f" and {len(rows) - 32} more" if len(rows) > 32 else ""
        return f"rows {', '.join(map(str, rows[:32]))}{more}"

    def facts(self) -> dict[str, Any]:
        """Give the order's settings and a fingerprint of each tensor."""
        prints = {name: fingerprint(tensor) for name, tensor in named_tensors(self.tensors)}
        return {"batch_size": self.batch_size, "seed": self.seed, "axis": self.axis, **prints}


class Drawn:
    """Fresh batches, each drawn at random from a seed of its own.

    Args:
        function: Makes a batch from a ``torch.Generator`` and from nothing else that changes.
        steps: Batches in an epoch, 1 or more; no batch ever comes twice.
        seed: Start of the random numbers, 0 or more.

    Raises:
        ArgumentError: ``steps`` is not a whole number, 1 or more, or the seed not one, 0 or more.

    Example:
        >>> import torch
        >>> from everystep.train import Drawn
        >>> batches = Drawn(lambda generator: torch.randn(3, generator=generator), steps=10, seed=0)
        >>> bool((batches.batch(0, 4) == batches.batch(0, 4)).all())
        True
    """

    def __init__(self, function: Callable[[torch.Generator], Any], steps: int, seed: int = 0) -> None:
        check_whole("Drawn", "steps", steps)
        check_whole("Drawn", "seed", seed, least=0)
        self.function, self.steps, self.seed = function, steps, seed

    def __len__(self) -> int:
        return self.steps

    def batch(self, epoch: int, index: int) -> Any:
        """Draw one batch."""
        return self.function(generator(self.seed, epoch * self.steps + index))

    def name(self, epoch: int, index: int) -> str:
        """Say which draw a batch is."""
        return f"draw {epoch * self.steps + index} of seed {self.seed}"

    def facts(self) -> dict[str, Any]:
        """Give the settings, the function's name and a fingerprint of what it draws first."""
        prints = {f"first {name}": fingerprint(tensor) for name, tensor in named_tensors(self.batch(0, 0))}
        return {"function": name_of(self.function), "steps": self.steps, "seed": self.seed, **prints}


def generator(seed: int, number: int) -> torch.Generator:
    """Make the random generator that belongs to one number under one seed."""
    mixed = np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(mixed))


def name_of(function: Any) -> str:
    """Give the name of a function, or of the class of a callable object."""
    return getattr(function, "__qualname__", type(function).__qualname__)


def named_tensors(value: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Give every tensor in a tensor, tuple, NamedTuple, list or dict of tensors, with a name for each."""
    if isinstance(value, Tensor):
        yield name or "tensor", value
        return
    fields = getattr(value, "_fields", None)
    parts: Mapping[Any, Any] = {}
    if isinstance(value, Mapping):
        parts = value
    elif isinstance(value, tuple | list):
        parts = dict(zip(fields or range(len(value)), value, strict=True))
    for key, part in parts.items():
        yield from named_tensors(part, f"{name}.{key}" if name else str(key))


def _map(tensors: Tensors, function: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(tensors, Tensor):
        return function(tensors)
    if isinstance(tensors, dict):
        return {name: function(tensor) for name, tensor in tensors.items()}
    parts = [function(tensor) for tensor in tensors]
    return type(tensors)(*parts) if hasattr(tensors, "_fields") else tuple(parts)


def _count(name: str, tensor: Tensor, axis: int) -> int:
    if tensor.dim() <= axis:
        raise DataError(f"Shuffled: {name} has shape {tuple(tensor.shape)}; expected an axis {axis} of examples.")
    return tensor.shape[axis]
