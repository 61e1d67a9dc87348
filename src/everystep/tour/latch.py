"""The task of N7: hold a value between a write and the reads that ask for it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

VALUE, WRITE, READ = 0, 1, 2  # the features of x


def random_latch(steps: int, rows: int, generator: torch.Generator) -> Tensor:
    """Draw inputs: a value ±1 at every step, a write mark on 15 % of the steps and a read mark on 30 % of them.

    A value without a write mark is a distractor. No step has both marks.

    Args:
        steps: T.
        rows: Sequences.
        generator: Where the chance comes from.

    Returns:
        x, (steps, rows, 3).
    """
    value = 2.0 * torch.randint(0, 2, (steps, rows), generator=generator) - 1
    chance = torch.rand(steps, rows, generator=generator)
    return torch.stack([value, (chance < 0.15).float(), (chance > 0.70).float()], -1)


def written_latch(values: Sequence[int], writes: Sequence[int], reads: Sequence[int]) -> Tensor:
    """Make one sequence by hand: values ±1, and the steps (counted from 1) that carry a mark.

    Returns:
        x, (steps, 1, 3).
    """
    x = torch.zeros(len(values), 1, 3)
    x[:, 0, VALUE] = torch.tensor(values, dtype=x.dtype)
    x[[t - 1 for t in writes], 0, WRITE] = 1.0
    x[[t - 1 for t in reads], 0, READ] = 1.0
    return x


def held_value(x: Tensor) -> Tensor:
    """Give what a perfect memory holds after each step: the value of the last write, 0 before the first.

    Args:
        x: (time, batch, 3).

    Returns:
        (time, batch).

    Example:
        >>> from everystep.tour.latch import held_value, written_latch
        >>> held_value(written_latch([1, -1, 1, 1], writes=[2], reads=[4])).flatten().tolist()
        [0.0, -1.0, -1.0, -1.0]
    """
    held, now = [], torch.zeros_like(x[0, :, VALUE])
    for step in x:
        now = torch.where(step[:, WRITE] > 0, step[:, VALUE], now)
        held.append(now)
    return torch.stack(held)


def target_of(x: Tensor) -> Tensor:
    """Give what should come out: the held value at reads and 0 otherwise, (time, batch, 1)."""
    return (held_value(x) * x[..., READ]).unsqueeze(-1)
