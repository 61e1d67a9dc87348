"""Steps of a search with few rows: one call of compiled code each, whose weights stay packed from search to search."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, listen
from everystep.seq2seq.attention import Looked
from everystep.seq2seq.readout import Readout
from everystep.unroll.stream import Stream, stream

KEPT = 8  # streams, each with its own packed weights
WIDER = 4  # rows that a stream may have too many: they cost less than another stream


class Saying(Cell[Any]):
    r"""A decoder as one cell that puts out all that a search asks for: of every symbol how likely it is to come next.

    .. math:: s(t+1),\ a = \mathrm{step}(s(t),\ e(t+1)), \qquad y = [\log \mathrm{softmax}(\mathrm{readout}(a,\ e));\ \alpha]

    x is e, the symbol that enters, embedded; α is where it looked.

    Args:
        cell: The decoder's cell; its context is this one's too.
        readout: Scores every symbol.
        places: Of the memory; 0 for a cell that does not attend.
    """

    def __init__(self, cell: Cell[Any], readout: Readout, places: int) -> None:
        self.State = cell.State
        super().__init__(cell.input_size, len(readout.c) + places, **cell.part_sizes)
        self.cell = cell
        self.readout = readout

    def initial_state(self, batch_size: int, like: Tensor, context: Any = None) -> Any:
        """Make the state before the first step: the cell's own."""
        return self.cell.initial_state(batch_size, like, *(() if context is None else (context,)))

    def step(self, state: Any, x: Tensor, *context: Any) -> tuple[Any, Tensor]:
        """Take a step of the cell, and score what may come next."""
        with listen() as taps:
            state, a = self.cell.step(state, x, *context)
        said = torch.log_softmax(self.readout(a, x), dim=-1)
        return state, torch.cat([said, taps["attention"]], dim=-1) if "attention" in taps else said


@dataclass
class _Running:
    """A stream, and the memory that it was given."""

    stream: Stream[Any]
    looked: Looked | None

    def look(self, looked: Looked | None, rows: int) -> None:
        """Give it another memory, unless it begins with this one."""
        if not _begins(self.looked, looked):
            more = self.stream.batch_size - rows
            self.stream.context = looked and Looked(*(_padded(part, more) for part in looked))
            self.looked = looked


class Few:
    """Steps of a decoder for few rows, whose state and memory are given anew each time.

    Args:
        cell: A decoder's cell, in evaluation mode.
        readout: Its readout.
    """

    def __init__(self, cell: Cell[Any], readout: Readout) -> None:
        self._cell, self._readout = cell, readout
        self._streams: OrderedDict[Any, _Running] = OrderedDict()
        self._lock = Lock()

    def step(self, state: Any, x: Tensor, looked: Looked | None) -> tuple[Tensor, Any, Tensor | None]:
        """Take a step: log probabilities (rows, symbols), the state after, attention weights where the cell attends.

        Args:
            state: (rows, features) by part.
            x: (rows, features).
            looked: The memory of the same rows.
        """
        rows = len(x)
        with self._lock:
            running = self._running(state, x, looked)
            more = running.batch_size - rows
            running.state = type(state)(*(_padded(part, more) for part in state))
            out = running.step(_padded(x, more))[:rows]
            after = type(state)(*(part[:rows] for part in running.state))
        said, weights = out.tensor_split([len(self._readout.c)], dim=1)
        return said, after, None if looked is None else weights

    def _running(self, state: Any, x: Tensor, looked: Looked | None) -> Stream[Any]:
        """The stream for so many rows, or a few more, over a memory of this length."""
        rows, places = len(x), 0 if looked is None else looked.keys.shape[1]
        known = [key for key in self._streams if key[1:] == (places, x.dtype) and 0 <= key[0] - rows <= WIDER]
        key = min(known, default=(rows, places, x.dtype))
        if key not in self._streams:
            made = stream(Saying(self._cell, self._readout, places), rows, state=state, context=looked)
            self._streams[key] = _Running(made, looked)
            if len(self._streams) > KEPT:
                self._streams.popitem(last=False)
        self._streams.move_to_end(key)
        running = self._streams[key]
        running.look(looked, rows)
        return running.stream

    def __reduce__(self) -> Any:
        return Few, (self._cell, self._readout)  # a copy packs its own weights


def _begins(longer: Looked | None, looked: Looked | None) -> bool:
    """Whether a memory is another one, or the first rows of it."""
    if longer is None or looked is None:
        return longer is looked
    same = all(one.data_ptr() == other.data_ptr() for one, other in zip(longer, looked, strict=True))
    return same and longer.keys.stride() == looked.keys.stride() and len(longer.keys) >= len(looked.keys)


def _padded(value: Tensor, more: int) -> Tensor:
    return F.pad(value, (0, 0) * (value.ndim - 1) + (0, more)) if more else value
