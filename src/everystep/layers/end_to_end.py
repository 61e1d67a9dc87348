"""Ragged sequences laid end to end in a few rows, with a reset at every joint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from everystep.engines.stepping import described
from everystep.errors import ArgumentError, ShapeError, check_whole, counted


class Span(NamedTuple):
    """Where a sequence lies."""

    row: int
    start: int
    stop: int


class EndToEnd:
    """A layout of ragged sequences, one after another in a few rows: hardly any padding, whatever their lengths.

    Each sequence goes to the row that ends first. With ``resets`` at the joints every sequence starts anew, and the
    rows can be cut into :func:`windows` anywhere.

    Args:
        lengths: Steps of each sequence, 0 or more.
        rows: Rows to lay them into, 1 or more.

    Attributes:
        spans: For each sequence its row, and its first step and the one after its last.
        steps: Steps of the longest row.
        resets: (time, batch) bool, true at the first step of each sequence.
        mask: (time, batch) bool, false past the end of a row.

    Raises:
        ArgumentError: A length is negative, or there are no rows.

    Example:
        >>> import torch, everystep as es
        >>> songs = [torch.randn(steps, 3) for steps in (9, 4, 7, 5)]
        >>> layout = es.layers.EndToEnd([len(song) for song in songs], rows=2)
        >>> x = layout.join(songs)
        >>> x.shape, layout.mask.sum(0)
        (torch.Size([14, 2, 3]), tensor([14, 11]))
        >>> cell = es.cells.GRU(3, 8)
        >>> out = es.unroll(cell, x, resets=layout.resets, mask=layout.mask)
        >>> alone = es.unroll(cell, songs[2].unsqueeze(1))
        >>> torch.allclose(layout.split(out.y)[2], alone.y.squeeze(1), atol=1e-6)
        True
    """

    def __init__(self, lengths: Iterable[int] | Tensor, rows: int) -> None:
        lengths = [int(length) for length in lengths]
        if any(length < 0 for length in lengths):
            raise ArgumentError(f"EndToEnd: a length is {min(lengths)}; expected 0 or more.")
        check_whole("EndToEnd", "rows", rows)
        ends = [0] * rows
        self.spans: list[Span] = []
        for length in lengths:
            row = ends.index(min(ends))
            self.spans.append(Span(row, ends[row], ends[row] + length))
            ends[row] += length
        self.steps = max(ends)
        self.mask = torch.arange(self.steps).unsqueeze(1) < torch.tensor(ends)
        self.resets = torch.zeros(self.steps, rows, dtype=torch.bool)
        for row, start, stop in self.spans:
            self.resets[start : start + (start < stop), row] = True

    def join(self, sequences: Sequence[Tensor]) -> Tensor:
        """Lay sequences end to end: inputs, and targets by the same layout.

        Args:
            sequences: One for each length, (its length, ...).

        Returns:
            (time, batch, ...), zero past the end of a row.
        """
        self._check(sequences)
        like = sequences[0] if sequences else torch.empty(0)
        joined = like.new_zeros(*self.mask.shape, *like.shape[1:])
        for sequence, (row, start, stop) in zip(sequences, self.spans, strict=True):
            joined[start:stop, row] = sequence
        return joined

    def split(self, values: Tensor) -> list[Tensor]:
        """Give each sequence what lies in its place: the reverse of :meth:`join`.

        Args:
            values: (time, batch, ...).

        Returns:
            One tensor (its length, ...) for each sequence.
        """
        if values.shape[:2] != self.mask.shape:
            steps, rows = self.mask.shape
            raise ShapeError(f"EndToEnd: split got {described(values)}; expected (time={steps}, batch={rows}, ...).")
        return [values[start:stop, row] for row, start, stop in self.spans]

    def _check(self, sequences: Sequence[Tensor]) -> None:
        if len(sequences) != len(self.spans):
            raise ArgumentError(
                f"EndToEnd: join got {counted(len(sequences), 'sequence')}; expected {len(self.spans)}, one for each "
                "length."
            )
        for number, (sequence, span) in enumerate(zip(sequences, self.spans, strict=True)):
            if len(sequence) != span.stop - span.start:
                raise ShapeError(
                    f"EndToEnd: sequence {number} has {counted(len(sequence), 'step')}; "
                    f"its length is {span.stop - span.start}."
                )
