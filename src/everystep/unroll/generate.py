"""The closed loop: what a step puts out chooses what the next takes in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from everystep.cell import Cell
from everystep.engines.stepping import described, each_stream
from everystep.errors import ShapeError, check_whole
from everystep.unroll.unroll import Unrolled, unroll


def generate(
    cell: Cell[Any] | Callable[..., Any],
    steps: int,
    first: Any,
    feed: Callable[[Tensor], Any],
    state: Any = None,
    *,
    context: Any = None,
    record: Iterable[str] | str = (),
) -> Unrolled[Any]:
    r"""Run a cell on its own outputs.

    .. math:: s(t+1),\ y(t+1) = \mathrm{step}(s(t),\ x(t+1)), \qquad x(t+1) = \mathrm{feed}(y(t))

    Gradients flow through the feedback.

    Args:
        cell: A cell or a plain function, as for :func:`unroll`.
        steps: Steps to take, 0 or more.
        first: The first input, (batch, input), or a NamedTuple of such streams.
        feed: Makes the next input (batch, input) from an output (batch, output).
        state: The state before the first step; the cell's own start when not given.
        context: Per-sequence values, as for :func:`unroll`.
        record: Names of taps and state parts to return, or ``"all"``.

    Returns:
        What :func:`unroll` would return on the inputs that were fed.

    Raises:
        ArgumentError: ``steps`` is negative.

    Example:
        >>> import torch, everystep as es
        >>> def double(s, x):
        ...     return s, 2 * x
        >>> es.generate(double, 4, torch.ones(1, 1), lambda y: y, torch.zeros(1, 1)).y.flatten()
        tensor([ 2.,  4.,  8., 16.])
    """
    check_whole("generate", "steps", steps, least=0)
    pieces, x = [], first
    for t in range(steps):
        if t > 0:
            x, state = feed(pieces[-1].y[0]), pieces[-1].state
            _check_fed(x, first)
        pieces.append(unroll(cell, _one_step(x), state, context=context, record=record))
    if not pieces:
        return unroll(
            cell, each_stream(lambda stream: stream[:0], _one_step(first)), state, context=context, record=record
        )
    return _joined(pieces)


def _check_fed(x: Any, first: Any) -> None:
    if type(x) is type(first) and not isinstance(x, Tensor):
        same = all(new.shape == old.shape for new, old in zip(x, first, strict=True))
    else:
        same = isinstance(x, Tensor) and isinstance(first, Tensor) and x.shape == first.shape
    if not same:
        raise ShapeError(f"generate: feed returned {described(x)}; expected what first is, {described(first)}.")


def _one_step(x: Any) -> Any:
    return each_stream(lambda stream: stream.unsqueeze(0), x)


def _joined(pieces: list[Unrolled[Any]]) -> Unrolled[Any]:
    last = pieces[-1]
    record = {name: torch.cat([piece.record[name] for piece in pieces]) for name in last.record}
    return replace(last, y=torch.cat([piece.y for piece in pieces]), record=record)
