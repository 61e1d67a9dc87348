"""Teacher forcing: what was right one step ago enters in place of what the model said."""

from __future__ import annotations

import torch
from torch import Tensor

from everystep.errors import DTypeError, ShapeError


def teacher_forcing(target: Tensor, part: str = "y") -> dict[str, tuple[Tensor, Tensor]]:
    """Make the ``forced`` argument of :func:`unroll` that feeds back targets instead of outputs.

    ``target[t-1]`` enters step t; nothing is forced at t = 0, so changing ``target[t]`` can't change ``y[t]``.

    Args:
        target: What each step should have put out, (time, batch, size).
        part: The state part that is replaced.

    Returns:
        ``{part: (values, where)}``.

    Raises:
        ShapeError: target has not three axes.
        DTypeError: target is no tensor.

    Example:
        >>> import torch, everystep as es
        >>> cell = es.cells.Jordan(input_size=1, hidden_size=4, output_size=1)
        >>> x, target = torch.randn(10, 2, 1), torch.randn(10, 2, 1)
        >>> es.unroll(cell, x, forced=es.teacher_forcing(target)).y.shape
        torch.Size([10, 2, 1])

    Source: Williams & Zipser (1989), "A learning algorithm for continually running fully recurrent neural networks".
    """
    if not isinstance(target, Tensor):
        raise DTypeError(f"teacher_forcing: target is a {type(target).__name__}; expected a tensor.")
    if target.ndim != 3:
        raise ShapeError(f"teacher_forcing: target has shape {tuple(target.shape)}; expected (time, batch, size).")
    values = torch.cat([torch.zeros_like(target[:1]), target[:-1]])
    where = torch.ones(target.shape[:2], dtype=torch.bool, device=target.device)
    where[:1] = False
    return {part: (values, where)}
