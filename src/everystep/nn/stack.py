"""Layers one above another, in one or both directions, each through ``unroll``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.nn.bound import Bound
from everystep.nn.record import Wanted
from everystep.unroll import unroll
from everystep.unroll.packed import unroll_packed

Parts = tuple[Tensor, ...]


class Beyond(NamedTuple):
    """What a call asks for beyond torch, time-major.

    Attributes:
        lengths: (batch,) whole numbers.
        resets: (time, batch) bool: where an episode begins.
        wanted: What is recorded.
        batch_sizes: (time,) whole numbers, if x is packed; nothing else is asked for then.
    """

    lengths: Any = None
    resets: Tensor | None = None
    wanted: Wanted | None = None
    batch_sizes: Tensor | None = None


class Ran(NamedTuple):
    """What came out, time-major."""

    y: Tensor  # (time, batch, directions * size), or packed as x is
    last: list[Parts]  # of every layer and direction
    record: dict[str, Tensor]


class Stack(NamedTuple):
    """The steps of a layer.

    Attributes:
        cells: In the order of torch's weights: layer by layer, forward before reverse.
        places: Their names.
        directions: 1 or 2.
    """

    cells: Sequence[Bound]
    places: Sequence[str]
    directions: int

    def run(self, x: Tensor, states: Sequence[Any], dropout: float, beyond: Beyond | None) -> Ran:
        """Go through all layers.

        Args:
            x: (time, batch, input), or packed: (steps of all sequences, input).
            states: Of every cell, or None.
            dropout: Part of the features between layers that is put to zero.
            beyond: What is asked for beyond torch, if anything.
        """
        last: list[Parts] = []
        record: dict[str, Tensor] = {}
        for first in range(0, len(self.cells), self.directions):
            if first and dropout:
                x = F.dropout(x, dropout)
            outputs = []
            for n in range(first, first + self.directions):
                out = self._unrolled(n, x, states[n], beyond)
                outputs.append(out.y)
                last.append(out.state)
                record.update({f"{self.places[n]}.{name}": value for name, value in out.record.items()})
            x = outputs[0] if self.directions == 1 else torch.cat(outputs, -1)
        return Ran(x, last, record)

    def _unrolled(self, n: int, x: Tensor, state: Any, beyond: Beyond | None) -> Any:
        reverse = n % self.directions == 1
        if beyond is None:
            return unroll(self.cells[n], x, state, reverse=reverse)
        if beyond.batch_sizes is not None:
            return unroll_packed(self.cells[n], x, beyond.batch_sizes, state, reverse=reverse)
        resets = _ends(beyond, x.shape[0]) if reverse and beyond.resets is not None else beyond.resets
        record = () if beyond.wanted is None else beyond.wanted.at(self.places[n])
        return unroll(self.cells[n], x, state, lengths=beyond.lengths, resets=resets, reverse=reverse, record=record)


def _ends(beyond: Beyond, steps: int) -> Tensor:
    """Where episodes end: before the first step of another. The reverse direction begins anew there."""
    begins = beyond.resets
    assert begins is not None
    if beyond.lengths is not None:  # what is flagged in padding ends nothing
        lengths = torch.as_tensor(beyond.lengths, device=begins.device)
        begins = begins & (torch.arange(steps, device=begins.device).unsqueeze(1) < lengths)
    return torch.cat([begins[1:], torch.zeros_like(begins[:1])])
