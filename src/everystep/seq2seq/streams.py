"""Steps of a decoder one at a time, by compiled code whose weights stay packed from search to search."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from everystep.cell import Cell
from everystep.seq2seq.attention import Looked
from everystep.seq2seq.readout import Readout
from everystep.seq2seq.saying import Saying
from everystep.seq2seq.speaking import SAID, Speaking
from everystep.text.symbols import END
from everystep.unroll.stream import Stream, stream

KEPT = 8  # streams, each with its own packed weights
WIDER = 4  # rows that a stream may have too many: they cost less than another stream


@dataclass
class _Running:
    """A cell that is streamed, and the memory that it was given."""

    cell: Saying | Speaking
    stream: Stream[Any]
    looked: Looked | None

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

    def __init__(self, cell: Cell[Any], embedding: nn.Embedding, readout: Readout) -> None:
        self._parts = cell, embedding, readout
        self._running: OrderedDict[Any, _Running] = OrderedDict()
        self._lock = Lock()

    def step(self, state: Any, x: Tensor, looked: Looked | None) -> tuple[Tensor, Any, Tensor | None]:
        """Take a step: log probabilities (rows, symbols), the state after, attention weights where the cell attends.

        Args:
            state: (rows, features) by part.
            x: (rows, features).
            looked: The memory of the same rows.
        """
        cell, _, readout = self._parts
        rows, places = len(x), _places(looked)
        with self._lock:
            running = self._begun((Saying, places), lambda: Saying(cell, readout, places), state, looked).stream
            out = running.step(_padded(x, running.batch_size - rows))[:rows]
            after = type(state)(*(part[:rows] for part in running.state))
        said, weights = out.tensor_split([len(readout.c)], dim=1)
        return said, after, None if looked is None else weights

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
        rows, places, parts = len(most), _places(looked), self._parts
        said, through = [], np.zeros(rows, dtype=bool)
        with self._lock:
            kind, make = (Speaking, places, closed), lambda: Speaking(*parts, places, closed)
            running = self._begun(kind, make, state, looked).stream
            nothing = np.empty((running.batch_size, 0), state[0].numpy().dtype)
            while not through.all():
                said.append(running.step(nothing)[:rows])
                through |= (said[-1][:, SAID] == END) | (len(said) >= most)
        return np.stack(said)

    def _begun(self, kind: Any, make: Callable[[], Saying | Speaking], state: Any, looked: Looked | None) -> _Running:
        """A stream of this kind for as many rows, or a few more, that goes on from a state."""
        rows, kind = len(state[0]), (*kind, state[0].dtype)
        known = [key for key in self._running if key[1:] == kind and 0 <= key[0] - rows <= WIDER]
        key = min(known, default=(rows, *kind))
        if key not in self._running:
            cell = make()
            made = stream(cell, rows, state=cell.begun(state), context=looked)
            self._running[key] = _Running(cell, made, looked)
            if len(self._running) > KEPT:
                self._running.popitem(last=False)
        self._running.move_to_end(key)
        self._running[key].begin(state, looked, rows)
        return self._running[key]

    def __reduce__(self) -> Any:
        return Streams, self._parts  # a copy packs its own weights


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
