"""Refusals of a wrong call: of torch's own kind and in torch's own words, then the names of the axes and the mend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from everystep.engines.stepping import dtype_name
from everystep.errors import ArgumentError, DTypeError, LayerError, counted

R = TypeVar("R")
_KINDS: dict[type[Exception], Callable[[str], Exception]] = {
    RuntimeError: LayerError,
    ValueError: ArgumentError,
    TypeError: DTypeError,
}


def by_torch(ask: Callable[[], R], why: Callable[[], str | None]) -> R:
    """Call torch's own layer; where it refuses, say also what was expected.

    Args:
        ask: The call.
        why: Tells who, what came, what was expected, and the mend, where that is known.

    Returns:
        What torch answers.
    """
    try:
        return ask()
    except Exception as error:
        told = why()
        if told is None:
            raise
        raise _KINDS.get(type(error), type(error))(f"{str(error).rstrip('.')}. {told}") from None


def misfit(who: str, x: Any, weight: Tensor, axes: str, dims: int) -> str | None:
    """Say what is wrong with an input, or nothing.

    Args:
        who: The layer.
        x: The input; the data of a packed one.
        weight: Of the first layer, (..., input).
        axes: The axes that were expected, with a place for the number of features.
        dims: How many they are.
    """
    if not isinstance(x, Tensor):
        return f"{who}: input is a {type(x).__name__}; expected a tensor {axes.format(weight.shape[-1])}."
    if x.dim() != dims or x.shape[-1] != weight.shape[-1]:
        return f"{who}: input has shape {tuple(x.shape)}; expected {axes.format(weight.shape[-1])}."
    return _unlike(who, "input", x, weight, "the weights are")


def state_misfit(who: str, hx: Any, like: Tensor, axes: str, shapes: Sequence[tuple[int, ...]]) -> str | None:
    """Say what is wrong with the initial state that came, or nothing.

    Args:
        who: The layer.
        hx: What came: a tensor, or two for an LSTM.
        like: The input.
        axes: The axes that were expected, with places for their sizes.
        shapes: What was expected of each part.
    """
    parts = (hx,) if len(shapes) == 1 else hx
    if not isinstance(parts, (tuple, list)) or len(parts) != len(shapes):
        return f"{who}: hx is {_told(hx)}; expected {counted(len(shapes), 'tensor')}: (h_0, c_0)."
    for n, (part, shape) in enumerate(zip(parts, shapes, strict=True)):
        name = "hx" if len(shapes) == 1 else f"hx[{n}]"
        if not isinstance(part, Tensor):
            return f"{who}: {name} is {_told(part)}; expected a tensor {axes.format(*shape)}."
        if part.shape != shape:
            return f"{who}: {name} has shape {tuple(part.shape)}; expected {axes.format(*shape)}."
        why = _unlike(who, name, part, like, "input is")
        if why is not None:
            return why
    return None


def checked_flags(who: str, name: str, value: Any, shape: tuple[int, ...]) -> Tensor:
    """Refuse flags that are not bool, or not one for each step."""
    if not isinstance(value, Tensor) or value.dtype != torch.bool or value.shape != shape:
        came = f"{dtype_name(value)} {tuple(value.shape)}" if isinstance(value, Tensor) else _told(value)
        raise ArgumentError(f"{who}: {name} is {came}; expected a bool tensor of shape {shape}.")
    return value


def _unlike(who: str, name: str, x: Tensor, other: Tensor, what: str) -> str | None:
    if x.dtype is not other.dtype and not torch._C._is_any_autocast_enabled():  # noqa: SLF001
        return f"{who}: {name} is {dtype_name(x)} and {what} {dtype_name(other)}: pass {name}.to({other.dtype})."
    if x.device != other.device:
        return f'{who}: {name} is on {x.device} and {what} on {other.device}: pass {name}.to("{other.device}").'
    return None


def _told(value: Any) -> str:
    kind = type(value).__name__
    if isinstance(value, PackedSequence):
        return "a PackedSequence"
    return f"a {kind} of {len(value)}" if isinstance(value, (tuple, list)) else f"a {kind}"
