"""What ``draw`` is given, made ready for one row of an unroll."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from everystep.cell import Cell
from everystep.engines.stepping import name_of
from everystep.errors import ArgumentError, ShapeError, counted

_DEFAULT_STEPS = 5


def steps_of(cell: Any, T: int | None, x: Any) -> int:
    """Find T: as given, or as long as x."""
    length = None if x is None else len(x[0] if hasattr(x, "_fields") else x)
    if T is None:
        return _DEFAULT_STEPS if length is None else length
    if isinstance(T, bool) or not isinstance(T, int) or T < 0:
        raise ArgumentError(f"draw: T is {T!r}; expected a whole number of steps, 0 or more.")
    if length is not None and length != T and not _is_autonomous(cell):
        shorter = f", or pass x[:{T}]" if length > T else ""
        raise ArgumentError(
            f"draw: T is {T} and x has {counted(length, 'step')}; expected as many: leave T out{shorter}."
        )
    return T


def sequence(cell: Any, steps: int, x: Any, state: Any) -> Any:
    """Bring x into the form (time, 1, input), or a NamedTuple of such streams; zeros where it was not given.

    Raises:
        ArgumentError: x is missing and the cell does not know its size.
        ShapeError: x holds more than one sequence, or has the wrong axes.
    """
    like = _like(cell, state)
    sizes = cell.input_size if isinstance(cell, Cell) else None
    if x is None or (isinstance(sizes, int) and _is_autonomous(cell)):
        return _zeros(cell, sizes, steps, like)
    if hasattr(x, "_fields"):
        known = sizes if isinstance(sizes, dict) else {}
        streams = {name: _stream(f"x.{name}", value, known.get(name), like) for name, value in x._asdict().items()}
        return type(x)(**streams)
    return _stream("x", x, sizes if isinstance(sizes, int) else None, like)


def one_row(state: Any) -> None:
    """Refuse a state of several sequences."""
    for part in () if state is None else (state,) if isinstance(state, Tensor) else state:
        if isinstance(part, Tensor) and (part.ndim == 0 or part.shape[0] != 1):
            raise ShapeError(
                f"draw: a part of state has shape {tuple(part.shape)}; expected (batch=1, size): "
                "a drawing shows one sequence."
            )


def _is_autonomous(cell: Any) -> bool:
    return isinstance(cell, Cell) and cell.input_size == 0


def _zeros(cell: Any, sizes: Any, steps: int, like: Tensor) -> Any:
    if sizes is None:
        raise ArgumentError(
            f"draw: {name_of(cell)} is a plain function and does not say how large x is: "
            f"pass x=, for instance {steps} numbers."
        )
    if isinstance(sizes, int):
        return like.new_zeros(steps, 1, sizes)
    streams = namedtuple("Streams", sizes)  # noqa: PYI024 - the fields are the cell's
    return streams(*(like.new_zeros(steps, 1, size) for size in sizes.values()))


def _stream(name: str, value: Any, size: int | None, like: Tensor) -> Tensor:
    stream = value if isinstance(value, Tensor) else _tensor(name, value, like)
    if not stream.is_floating_point() and name == "x":
        stream = stream.to(like.dtype)
    given = tuple(stream.shape)
    if stream.ndim == 1 and size in {None, 1}:
        stream = stream.reshape(-1, 1, 1)
    elif stream.ndim == 2:
        stream = stream.unsqueeze(1)
    if stream.ndim < 3 or stream.shape[1] != 1:
        features = "" if size is None else f"={size}"
        raise ShapeError(
            f"draw: {name} has shape {given}; expected (time, input{features}) or (time, 1, input{features}): "
            "a drawing shows one sequence."
        )
    return stream.detach()


def _tensor(name: str, value: Any, like: Tensor) -> Tensor:
    try:
        tensor = torch.as_tensor(value, device=like.device)
    except (TypeError, ValueError, RuntimeError) as error:
        came = type(value).__name__
        raise ArgumentError(f"draw: {name} is a {came} that is no table of numbers ({error}).") from None
    return tensor.to(like.dtype) if tensor.is_floating_point() and isinstance(value, Sequence) else tensor


def _like(cell: Any, state: Any) -> Tensor:
    """Give a tensor that stands for dtype and device."""
    values = [*cell.parameters(), *cell.buffers()] if isinstance(cell, nn.Module) else []
    values += [] if state is None else [state] if isinstance(state, Tensor) else list(state)
    floating = [value for value in values if isinstance(value, Tensor) and value.is_floating_point()]
    return floating[0].detach() if floating else torch.zeros(())
