"""What a stream takes at a step: arrays or tensors of one step, checked, as tensors of its own."""

from __future__ import annotations

from collections import namedtuple
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from everystep.cell import Cell
from everystep.engines.stepping import described, dtype_name, each_stream, streams_of
from everystep.errors import DeviceError, DTypeError, EngineError, ShapeError

_PLAIN = (Tensor, torch.nn.Parameter)


class Expected(NamedTuple):
    """What every x of a stream must be.

    Attributes:
        like: One step of zeros, (1, batch, input), or a NamedTuple of such streams.
        known: Whether x was seen; else only the sizes that a cell names are known, and what is not floating may come.
    """

    like: Any
    known: bool


def first_guess(cell: Any, rows: int, like: Tensor) -> Expected:
    """Tell what a cell's input sizes say of x; a plain function takes anything."""
    sizes = cell.input_size if isinstance(cell, Cell) else 0
    if isinstance(sizes, int):
        return Expected(like.new_zeros(1, rows, sizes), isinstance(cell, Cell))
    kind = namedtuple("Streams", sizes)  # noqa: PYI024 - the fields are known only now
    return Expected(kind(*(like.new_zeros(1, rows, size) for size in sizes.values())), known=False)


def seen(x: Any) -> Expected:
    """Tell what every x must be, once one was seen."""
    return Expected(each_stream(lambda stream: torch.zeros_like(stream).unsqueeze(0), x), known=True)


def taken(who: str, cell: Any, x: Any, expected: Expected) -> tuple[Any, bool]:
    """Check x.

    Returns:
        x as tensors that nobody else writes to, and whether arrays came.
    """
    values = _values(who, x, expected if isinstance(cell, Cell) or expected.known else None)
    arrays = {isinstance(value, np.ndarray) for value in values.values()}
    if len(arrays) > 1:
        raise DTypeError(f"{who}: the streams of x are arrays and tensors; expected one kind.")
    streams = streams_of(expected.like)
    first = next(iter(streams.values()))
    for name, value in values.items():
        label = "x" if isinstance(x, _ONE) else f"x.{name}"
        like = streams.get(name, first)
        sized = expected.known or isinstance(cell, Cell)
        _check_shape(who, label, value, tuple(like.shape[1:]) if sized else (like.shape[1], None))
        _check_dtype(who, label, value, like, may_be_whole=not expected.known)
        _check_memory(who, label, value, like)
    own = [_own(value) for value in values.values()]
    return (own[0] if isinstance(x, _ONE) else type(x)(*own)), arrays == {True}


_ONE = (np.ndarray, Tensor)


def _values(who: str, x: Any, expected: Expected | None) -> dict[str, Any]:
    fields: tuple[str, ...] = getattr(x, "_fields", ())
    if not isinstance(x, _ONE) and not fields:
        raise DTypeError(
            f"{who}: x is {described(x)}; expected a NumPy array or a tensor (batch, input), or a NamedTuple of them."
        )
    values: dict[str, Any] = {"x": x} if isinstance(x, _ONE) else dict(zip(fields, x, strict=True))
    for name, value in values.items():
        if not isinstance(value, _ONE):
            raise DTypeError(f"{who}: x.{name} is {described(value)}; expected a NumPy array or a tensor.")
    if expected is not None:
        names, came = tuple(streams_of(expected.like)), tuple(values)
        if isinstance(x, _ONE) is not isinstance(expected.like, Tensor) or set(names) != set(came):
            shown = "one array or tensor" if isinstance(expected.like, Tensor) else f"the streams ({', '.join(names)})"
            that = "one array or tensor" if isinstance(x, _ONE) else f"the streams ({', '.join(came)})"
            raise ShapeError(f"{who}: x is {that}; expected {shown}.")
    return values


def _check_shape(who: str, label: str, value: Any, expected: tuple[int | None, ...]) -> None:
    shape = tuple(value.shape)
    rows, *features = expected
    if features == [None]:
        right, shown = len(shape) >= 2 and shape[0] == rows, f"(batch={rows}, input)"
    else:
        sizes = [f"input={size}" if len(features) == 1 else f"{size}" for size in features]
        right, shown = shape == expected, f"({', '.join([f'batch={rows}', *sizes])})"
    if right:
        return
    mend = ""
    if rows == 1 and shape == tuple(features):
        mend = f" The batch axis is missing: pass {label}[None]."
    elif shape == (1, *expected):
        mend = f" A stream takes one step at a time: pass {label}[0]."
    raise ShapeError(f"{who}: {label} has shape {shape}; expected {shown}.{mend}")


def _check_dtype(who: str, label: str, value: Any, like: Tensor, *, may_be_whole: bool) -> None:
    floating = value.is_floating_point() if isinstance(value, Tensor) else value.dtype.kind == "f"
    if may_be_whole and not floating:
        return
    wanted, came = dtype_name(like), dtype_name(value) if isinstance(value, Tensor) else str(value.dtype)
    if came != wanted:
        mend = f"{label}.to({like.dtype})"
        if isinstance(value, np.ndarray):
            known = like.dtype != torch.bfloat16
            mend = f'{label}.astype("{wanted}")' if known else f"torch.from_numpy({label}).to({like.dtype})"
        raise DTypeError(f"{who}: {label} has dtype {came}; the stream has {wanted}: pass {mend}.")


def _check_memory(who: str, label: str, value: Any, like: Tensor) -> None:
    if isinstance(value, np.ndarray):
        return
    if type(value) not in _PLAIN:
        raise EngineError(
            f"{who}: {label} is a {type(value).__name__}; a stream keeps its state in plain memory, so it takes plain "
            "tensors: use unroll."
        )
    if value.device != like.device:
        raise DeviceError(
            f'{who}: {label} is on {value.device}; the stream is on {like.device}: pass {label}.to("{like.device}").'
        )
    if value.layout is not torch.strided:
        raise DTypeError(f"{who}: {label} is sparse; expected a dense tensor: pass {label}.to_dense().")


def _own(value: Any) -> Tensor:
    return value.detach().clone() if isinstance(value, Tensor) else torch.from_numpy(np.array(value))
