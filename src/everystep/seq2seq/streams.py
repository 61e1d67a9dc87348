"""Steps of a decoder one at a time, by compiled code whose weights stay packed from search to search."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell
from everystep.seq2seq.attention import Looked
from everystep.seq2seq.embedding import Embedding
from everystep.seq2seq.held import HeldRows
from everystep.seq2seq.readout import Readout
from everystep.seq2seq.saying import Saying
from everystep.seq2seq.search.model import Rows
from everystep.seq2seq.speaking import SAID, Speaking
from everystep.text.symbols import END
from everystep.unroll.stream import Stream, stream

KEPT = 8  # streams, each with its own packed weights
LARGEST = 2**28  # bytes that they hold together
WIDER = 4  # rows that a stream may have too many: they cost less than another stream


@dataclass
class _Running:
    """A cell that is streamed, and the memory that it was given."""

    cell: Saying | Speaking
    stream: Stream[Any]
    looked: Looked | None

    @property
    def bytes(self) -> int:
        """Memory of its weights and of what it looks at."""
        held = [*self.cell.parameters(), *(self.stream.context or ())]
        return sum(value.numel() * value.element_size() for value in held)

    def begin(self, state: Any, looked: Looked | None, rows: int) -> None:
        """Give it another state, and another memory unless it begins with this one; rows past these are empty."""
        more = self.stream.batch_size - rows
        if not _begins(self.looked, looked):
            self.stream.context = looked and Looked(*(_padded(part, more) for part in looked))
            self.looked = looked
        begun = self.cell.begun(state)
        self.stream.state = type(begun)(*(_padded(part, more) for part in begun))


class Streams:
    """A decoder, run step by step over states and memories that are given anew each time.

    Args:
        cell: The decoder's cell, in evaluation mode.
        embedding: Of the symbols.
        readout: Its readout.
    """

    def __init__(self, cell: Cell[Any], embedding: Embedding, readout: Readout) -> None:
        self._cell, self._embedding, self._readout = cell, embedding, readout
        self._kept: OrderedDict[Any, _Running] = OrderedDict()
        self._lock = Lock()

    def forget(self) -> None:
        """Pack all weights anew at the next search."""
        with self._lock:
            self._kept.clear()

    def step(self, state: Any, x: Tensor, looked: Looked | None) -> tuple[Tensor, Any, Tensor | None]:
        """Take a step: log probabilities (rows, symbols), the state after, attention weights where the cell attends.

        Args:
            state: (rows, features) by part.
            x: (rows, features).
            looked: The memory of the same rows.
        """
        rows, symbols = len(x), len(self._readout.c)
        with self._saying(state, looked) as running:
            out = running.step(_padded(x, running.batch_size - rows))[:rows]
            after = type(state)(*(part[:rows] for part in running.state))
        return out[:, :symbols], after, None if looked is None else out[:, symbols:]

    def speak(self, state: Any, looked: Looked | None, closed: tuple[int, ...], most: np.ndarray) -> np.ndarray:
        """Let it go on from what it says, until every row has ended.

        Args:
            state: (rows, features) by part.
            looked: The memory of the same rows.
            closed: Symbols that it never says.
            most: (rows,) steps after which a row is through, 1 or more.

        Returns:
            What :class:`Speaking` puts out at each step, (steps, rows, features).
        """
        rows, places = len(most), _places(looked)
        said, through = [], np.zeros(rows, dtype=bool)

        def make() -> Speaking:
            return Speaking(self._cell, self._embedding, self._readout, places, closed)

        with self._begun((Speaking, places, closed), make, state, looked) as running:
            nothing = np.empty((running.batch_size, 0), state[0].numpy().dtype)
            while not through.all():
                said.append(running.step(nothing)[:rows])
                through |= (said[-1][:, SAID] == END) | (len(said) >= most)
        return np.stack(said)

    @contextmanager
    def hold(self, state: Any, looked: Looked | None, width: int) -> Iterator[Rows]:
        """Hold the rows of a search, as many for each sentence as the search is wide.

        Args:
            state: (sentences, features) by part.
            looked: The memory of the same sentences.
            width: Places of each sentence.
        """
        with ExitStack() as lent:
            yield HeldRows(self._saying, lent, self._embedding, state, looked, width)

    def _saying(self, state: Any, looked: Looked | None) -> AbstractContextManager[Stream[Any]]:
        places = _places(looked)
        return self._begun((Saying, places), lambda: Saying(self._cell, self._readout, places), state, looked)

    @contextmanager
    def _begun(
        self, kind: Any, make: Callable[[], Saying | Speaking], state: Any, looked: Looked | None
    ) -> Iterator[Stream[Any]]:
        """Lend a stream of this kind, for as many rows or a few more, that goes on from a state."""
        rows, kind = len(state[0]), (*kind, state[0].dtype)
        with self._lock:
            known = [key for key in self._kept if key[1:] == kind and 0 <= key[0] - rows <= WIDER]
            key = min(known, default=(rows, *kind))
            running = self._kept.pop(key, None)
        if running is None:
            cell = make()
            running = _Running(cell, stream(cell, rows, state=cell.begun(state), context=looked), looked)
        running.begin(state, looked, rows)
        yield running.stream
        with self._lock:  # what an error went through is not kept
            self._kept[key] = running
            while len(self._kept) > KEPT or sum(one.bytes for one in self._kept.values()) > LARGEST:
                self._kept.popitem(last=False)

    def __reduce__(self) -> Any:
        return Streams, (self._cell, self._embedding, self._readout)  # a copy packs its own weights


def _places(looked: Looked | None) -> int:
    return 0 if looked is None else looked.keys.shape[1]


def _begins(longer: Looked | None, looked: Looked | None) -> bool:
    """Whether a memory is another one, or the first rows of it."""
    if longer is None or looked is None:
        return longer is looked
    same = all(one.data_ptr() == other.data_ptr() for one, other in zip(longer, looked, strict=True))
    return same and longer.keys.stride() == looked.keys.stride() and len(longer.keys) >= len(looked.keys)


def _padded(value: Tensor, more: int) -> Tensor:
    return F.pad(value, (0, 0) * (value.ndim - 1) + (0, more)) if more else value
