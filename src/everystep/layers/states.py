"""States of any nesting: carried over windows, cut from their gradients, taken by rows, saved, put together again.

The state of a layer is made of tuples down to its tensors: a tuple for a stack, a NamedTuple for everything that has
names. The same few functions serve the state of a cell and of a stack of twelve layers in both directions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from torch import Tensor

from everystep.engines.stepping import described
from everystep.errors import ShapeError, StateError, unknown

S = TypeVar("S")


class Ways(NamedTuple):
    """The state of one layer: one cell's for each direction it has."""

    forward: Any = None
    reverse: Any = None


def each(function: Callable[[Tensor], Tensor], state: S) -> S:
    """Apply a function to every tensor of a state, and keep its nesting."""
    return _mapped(lambda _, part: function(part), state, "")


def detach(state: S) -> S:
    """Cut a state from its gradients, as between two windows of truncated back-propagation.

    Args:
        state: The state of a cell or of a layer, of any nesting.

    Returns:
        The same state without a history.

    Example:
        >>> import torch, everystep as es
        >>> cell = es.cells.LSTM(3, 8)
        >>> first = es.unroll(cell, torch.randn(20, 4, 3))
        >>> second = es.unroll(cell, torch.randn(20, 4, 3), es.layers.detach(first.state))
    """
    return each(Tensor.detach, state)


def select(state: S, rows: Tensor | list[int]) -> S:
    """Take rows of the batch, in an order of one's own: the survivors of a beam search, the environments still alive.

    Args:
        state: The state of a cell or of a layer, of any nesting.
        rows: Numbers of rows, each any number of times; or (batch,) bool, true for the rows to keep.

    Returns:
        The state of those rows.

    Example:
        >>> import torch, everystep as es
        >>> state = es.unroll(es.cells.GRU(3, 8), torch.randn(5, 4, 3)).state
        >>> es.layers.select(state, [2, 2, 0]).h.shape
        torch.Size([3, 8])
    """
    return each(lambda part: part[rows], state)


def flatten(state: Any) -> dict[str, Tensor]:
    """Give every tensor of a state by its path, as safetensors and ``torch.save`` take it.

    Args:
        state: The state of a cell or of a layer, of any nesting.

    Returns:
        ``{"layer0.forward.h": tensor, ...}``; the paths are those that ``record`` takes.

    Example:
        >>> import torch, everystep as es
        >>> stack = es.layers.Recurrent(es.cells.GRU, [3, 8, 8])
        >>> list(es.layers.flatten(stack(torch.randn(5, 4, 3)).state))
        ['layer0.forward.h', 'layer1.forward.h']
    """
    return dict(_walk(state, ""))


def unflatten(tensors: Mapping[str, Tensor], like: S) -> S:
    """Put a state together from its tensors: the reverse of :func:`flatten`.

    Args:
        tensors: Tensors by path.
        like: A state of the same nesting, such as ``layer.initial_state(batch_size, x)``.

    Returns:
        A state nested like ``like``, with these tensors.

    Raises:
        UnknownNameError: A path is missing, or one too many is there.
        ShapeError: A tensor has another shape than in ``like``.

    Example:
        >>> import torch, everystep as es
        >>> stack = es.layers.Recurrent(es.cells.GRU, [3, 8, 8])
        >>> saved = es.layers.flatten(stack(torch.randn(5, 4, 3)).state)
        >>> state = es.layers.unflatten(saved, like=stack.initial_state(4, saved["layer0.forward.h"]))
        >>> torch.equal(state[1].forward.h, saved["layer1.forward.h"])
        True
    """
    paths = dict(_walk(like, ""))
    for path in (*tensors, *paths):
        if path not in tensors or path not in paths:
            raise unknown("unflatten", "state part", path, paths if path in tensors else tensors)
        if tensors[path].shape != paths[path].shape:
            raise ShapeError(
                f"unflatten: {path} has shape {tuple(tensors[path].shape)}; expected {tuple(paths[path].shape)}."
            )
    return _mapped(lambda path, _: tensors[path], like, "")


def _mapped(function: Callable[[str, Tensor], Tensor], state: Any, path: str) -> Any:
    if state is None:
        return None
    if isinstance(state, Tensor):
        return function(path, state)
    inner = [_mapped(function, part, place) for place, part in _parts(state, path)]
    return type(state)(*inner) if hasattr(state, "_fields") else tuple(inner)


def _walk(state: Any, path: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(state, Tensor):
        yield path, state
    elif state is not None:
        for place, part in _parts(state, path):
            yield from _walk(part, place)


def _parts(state: Any, path: str) -> list[tuple[str, Any]]:
    if not isinstance(state, tuple):
        raise StateError(f"state {path or 'as a whole'} is {described(state)}; expected a tensor or a tuple of them.")
    names = getattr(state, "_fields", None) or [f"layer{n}" for n in range(len(state))]
    return [(f"{path}.{name}" if path else name, part) for name, part in zip(names, state, strict=True)]
