"""One call of the user's step, held to the contract.

A step is written by a user, so what comes back is checked before anything is built on it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from everystep.cell import Cell, listen
from everystep.errors import StepError, TapError

Parts = tuple[Tensor, ...]


class Stepper:
    """A step with its state taken apart: ``parts', y = stepper(parts, x)``.

    Args:
        cell: A :class:`~everystep.cell.Cell`, or a function ``(state, x) -> (state, y)``.
        state: A state of the kind the step takes; only its type and part names are used.
        context: Per-sequence values handed to every step, or None.
    """

    def __init__(self, cell: Cell[Any] | Callable[..., Any], state: Any, context: Any = None) -> None:
        self.cell = cell
        self.context = context
        self.who = name_of(cell)
        self.output_size = cell.output_size if isinstance(cell, Cell) else None
        self.part_names = part_names(state)
        self._function: Callable[..., Any] = cell.step if isinstance(cell, Cell) else cell
        self._state_type = type(state)
        self._context = () if context is None else (context,)

    def __call__(self, parts: Parts, x: Any) -> tuple[Parts, Tensor]:
        """Take one step.

        Raises:
            StepError: The step returned something other than (state, y), or changed a part's shape.
        """
        result = self._function(self.assemble(parts), x, *self._context)
        if not (isinstance(result, tuple) and len(result) == 2):
            raise StepError(f"{self.where}: returned {described(result)}; expected (state, y).")
        state, y = result
        after = self._taken_apart(state, y)
        for name, old, new in zip(self.part_names, parts, after, strict=True):
            self._check_part(name, old, new)
        self._check_output(y, parts, x)
        return after, y

    def heard(self, parts: Parts, x: Any) -> tuple[Parts, Tensor, dict[str, Tensor]]:
        """Take one step and collect its taps: ``{name: (batch, ...)}``.

        Raises:
            TapError: A tap has no batch axis, or is named like a part of the state.
        """
        with listen() as taps:
            after, y = self(parts, x)
        for name, value in taps.items():
            self._check_tap(name, value, y.shape[0])
        return after, y, taps

    def assemble(self, parts: Parts) -> Any:
        """Put parts together as the state the step takes."""
        if issubclass(self._state_type, Tensor):
            return parts[0]
        if hasattr(self._state_type, "_fields"):
            return self._state_type(*parts)
        return self._state_type(parts)

    @property
    def where(self) -> str:
        """Name the step with its file and line: ``MyCell.step, cell.py:14``."""
        function = inspect.unwrap(self._function)
        code = getattr(getattr(function, "__func__", function), "__code__", None)
        name = f"{self.who}.step" if inspect.ismethod(self._function) else self.who
        return name if code is None else f"{name}, {Path(code.co_filename).name}:{code.co_firstlineno}"

    def _taken_apart(self, state: Any, y: Any) -> Parts:
        if isinstance(state, Tensor) and issubclass(self._state_type, Tensor):
            return (state,)
        if isinstance(y, self._state_type) and not isinstance(state, self._state_type):
            raise StepError(f"{self.where}: returned (y, state); expected (state, y): swap them.")
        if not isinstance(state, self._state_type):
            expected = self._state_type.__name__
            raise StepError(f"{self.where}: the state it returned is {described(state)}; expected {expected}.")
        if len(state) != len(self.part_names):
            raise StepError(
                f"{self.where}: the state it returned has {len(state)} parts; expected {len(self.part_names)}."
            )
        return tuple(state)

    def _check_part(self, name: str, old: Tensor, new: Any) -> None:
        if not isinstance(new, Tensor):
            raise StepError(f"{self.where}: state part {name} leaves as {described(new)}; expected a tensor.")
        if new.shape != old.shape:
            shown = batched if new.shape[:1] == old.shape[:1] else lambda value: tuple(value.shape)
            raise StepError(
                f"{self.where}: state part {name} enters as {shown(old)} and leaves as {shown(new)}; "
                "a state keeps its shape."
            )
        if new.dtype != old.dtype and not torch.is_autocast_enabled(new.device.type):
            raise StepError(
                f"{self.where}: state part {name} enters as {dtype_name(old)} and leaves as {dtype_name(new)}; "
                "a state keeps its dtype."
            )

    def _check_output(self, y: Any, parts: Parts, x: Any) -> None:
        if not isinstance(y, Tensor):
            raise StepError(f"{self.where}: y is {described(y)}; expected a tensor (batch, output).")
        rows = parts[0].shape[0] if parts else next(iter(streams_of(x).values())).shape[0]
        expected = (rows,) if self.output_size is None else (rows, self.output_size)
        if y.ndim == 0 or y.shape[: len(expected)] != expected or (self.output_size is not None and y.ndim != 2):
            size = "..." if self.output_size is None else f"output={self.output_size}"
            raise StepError(f"{self.where}: y has shape {tuple(y.shape)}; expected (batch={rows}, {size}).")

    def _check_tap(self, name: str, value: Any, rows: int) -> None:
        if name in self.part_names:
            raise TapError(
                f'{self.where}: tap "{name}" has the name of a state part; a part is recorded as it is: drop the tap.'
            )
        if not isinstance(value, Tensor) or value.ndim == 0 or value.shape[0] != rows:
            raise TapError(
                f'{self.where}: tap "{name}" is {described(value)}; expected a tensor with the batch ({rows}) first.'
            )


def name_of(cell: Any) -> str:
    """Name a cell by its class, a function by its name."""
    return type(cell).__name__ if isinstance(cell, torch.nn.Module) else getattr(cell, "__name__", type(cell).__name__)


def part_names(state: Any) -> tuple[str, ...]:
    """Name the parts of a state: a NamedTuple's fields, "0", "1" ... for a tuple, "state" for a tensor."""
    if isinstance(state, Tensor):
        return ("state",)
    return getattr(state, "_fields", tuple(str(i) for i in range(len(state))))


def streams_of(x: Any) -> dict[str, Tensor]:
    """Give the tensors of x by name; a single tensor is named ``x``."""
    return {"x": x} if isinstance(x, Tensor) else dict(zip(x._fields, x, strict=True))


def each_stream(function: Callable[[Tensor], Tensor], x: Any) -> Any:
    """Apply a function to x, or to each of its streams, and keep the kind of x."""
    return function(x) if isinstance(x, Tensor) else type(x)(*map(function, x))


def batched(value: Tensor) -> str:
    """Describe a shape whose first axis is the batch: ``(batch, 8)``."""
    return f"({', '.join(['batch', *map(str, value.shape[1:])])})"


def dtype_name(value: Tensor) -> str:
    """Name a dtype without its module: ``float32``."""
    return str(value.dtype).removeprefix("torch.")


def described(value: Any) -> str:
    """Describe what came where something else was expected."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return f"a tuple of {len(value)}"
    return f"a {type(value).__name__}" if value is not None else "None"
