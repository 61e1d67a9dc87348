"""The rows of a search, held in a stream of the decoder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import numpy as np
import torch

from everystep.seq2seq.attention import Looked
from everystep.seq2seq.embedding import Embedding
from everystep.seq2seq.search.model import Scores
from everystep.unroll.stream import Stream

WORTH = 32  # rows from which on half of them are worth another stream
Lend = Callable[[Any, Looked | None], AbstractContextManager[Stream[Any]]]


class HeldRows:
    """Every place of a sentence has a row of the stream, alive or not, until half of the sentences are done.

    Args:
        lend: Lends a stream of :class:`~everystep.seq2seq.saying.Saying` that goes on from a state, for the memory of
            its rows.
        lent: Gives it back.
        embedding: What enters for each symbol.
        state: (sentences, features) by part.
        looked: The memory of the same sentences.
        width: Places of each sentence.
    """

    def __init__(
        self, lend: Lend, lent: ExitStack, embedding: Embedding, state: Any, looked: Looked | None, width: int
    ) -> None:
        self._lend, self._lent, self._embedding, self._width = lend, lent, embedding, width
        self._blocks = np.arange(len(state[0]))  # where the rows of each sentence are
        self._rows = np.arange(0)  # of what is alive
        self._begin(_each(state, width), looked)

    def advance(self, symbols: np.ndarray) -> Scores:
        """Run the model one step further."""
        self._x[self._rows] = self._embedding(torch.from_numpy(symbols)).detach().numpy()
        every = self._running.step(self._x)
        out = every if len(self._rows) == len(every) else every[self._rows]  # rows rise: as many are the same
        count = self._embedding.symbols
        looked = None if self._looked is None else torch.from_numpy(out[:, count:])
        return Scores(torch.from_numpy(out[:, :count]), None, looked)

    def keep(self, kept: np.ndarray, places: np.ndarray) -> None:
        """Let places go on from the rows that are kept; all begin alike, so before the first step nothing moves."""
        before = self._rows[kept] if len(self._rows) else None
        self._rows = self._row_of(self._blocks[places // self._width], places)
        if before is not None:
            moved = self._every.copy()
            moved[self._rows] = before
            self._running.select(moved)
        if len(self._every) >= WORTH:
            self._narrow(np.unique(self._rows // self._width))

    def _narrow(self, alive: np.ndarray) -> None:
        """Go on with the blocks that are alive, if they are no more than half."""
        width, many = self._width, len(self._every) // self._width
        if not 0 < 2 * len(alive) <= many:
            return
        number = np.zeros(many, dtype=np.int64)
        number[alive] = np.arange(len(alive))
        self._blocks, self._rows = number[self._blocks], self._row_of(number[self._rows // width], self._rows)
        chosen = torch.from_numpy((alive[:, None] * width + np.arange(width)).ravel())
        looked = self._looked and Looked(*(value[torch.from_numpy(alive)] for value in self._looked))
        state = self._running.state
        self._begin(type(state)(*(part[chosen] for part in state)), looked)

    def _begin(self, state: Any, looked: Looked | None) -> None:
        self._lent.close()
        self._looked = looked
        self._running = self._lent.enter_context(self._lend(state, looked and _each(looked, self._width)))
        self._every = np.arange(self._running.batch_size)
        self._x = np.zeros((len(self._every), self._embedding.size), state[0].numpy().dtype)

    def _row_of(self, blocks: np.ndarray, places: np.ndarray) -> np.ndarray:
        return blocks * self._width + places % self._width


def _each(values: Any, width: int) -> Any:
    return type(values)(*(value.repeat_interleave(width, 0) for value in values))
