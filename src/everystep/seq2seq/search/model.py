"""What a search needs of a model: a start, and one step for many rows at once."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from everystep.engines.stepping import described
from everystep.errors import ShapeError, StateError
from everystep.layers.states import select
from everystep.text.symbols import BEGIN, END


class Scores(NamedTuple):
    """What a model says after one more symbol."""

    log_probabilities: Tensor  # (rows, vocabulary)  of every symbol that may come next
    state: Any  # for the next step
    attention: Tensor | None = None  # (rows, positions)  where in the source it looked


class Model(Protocol):
    """A model that can be searched: a decoder with its readout, an ensemble, a table of bigrams.

    A row is one hypothesis of one sentence. ``memory`` is what the model knows of the sources, a row each: a tensor, a
    tuple of such, ``None``, or any object with ``select(rows)``. A state is a tensor or a tuple, of any nesting, rows
    first. The search takes rows of both as hypotheses branch and end.
    """

    def start(self, memory: Any) -> Any:
        """Give the state before the first symbol, a row for each row of memory."""
        ...

    def advance(self, state: Any, symbols: Tensor, memory: Any) -> tuple[Tensor, Any, Tensor | None]:
        """Take in one symbol for each row, (rows,) whole numbers, and give :class:`Scores`; BEGIN is the first symbol.

        What the state and memory hold stays as it is: several hypotheses may go on from it.
        """
        ...


class Rows(Protocol):
    """The hypotheses of a search that are alive, as the model runs them: one row each.

    Each sentence has as many places as the search is wide; a place is counted over all sentences.
    """

    def advance(self, symbols: np.ndarray) -> Scores:
        """Run the model one step further, with a symbol for each row."""
        ...

    def keep(self, kept: np.ndarray, places: np.ndarray) -> None:
        """Go on with these rows, each any number of times, in the order of their places, which rise.

        Before the first step there is one row for each sentence.
        """
        ...


@runtime_checkable
class Holder(Protocol):
    """A model that holds the rows of a search itself."""

    def hold(self, memory: Any, sentences: int, width: int) -> AbstractContextManager[Rows] | None:
        """Hold them for a search; None where it can't.

        Args:
            memory: What it knows of the sources, one row for each.
            sentences: How many there are.
            width: Places of each.
        """
        ...


def rows_of(model: Model, memory: Any, sentences: int, width: int) -> AbstractContextManager[Rows]:
    """Give what runs the rows of a search, for as long as it lasts."""
    held = model.hold(memory, sentences, width) if isinstance(model, Holder) else None
    return nullcontext(RunAnew(model, memory, sentences, width)) if held is None else held


class RunAnew:
    """Rows whose state and memory are handed to the model at each step: exactly the hypotheses that are alive.

    Args:
        model: The model.
        memory: What it knows of the sources, one row for each sentence.
        sentences: How many there are.
        width: Places of each.
    """

    def __init__(self, model: Model, memory: Any, sentences: int, width: int) -> None:
        self._model, self._every, self._width = model, memory, width
        self._state = model.start(memory)
        self._memory, self._owner = memory, np.arange(sentences)
        self._device = next((part.device for part in _tensors((self._state, memory))), torch.device("cpu"))
        _hold_rows((self._state, memory), sentences)

    def advance(self, symbols: np.ndarray) -> Scores:
        """Run the model one step further.

        Raises:
            ShapeError: The model gives something other than (rows, vocabulary).
        """
        scores = Scores(*self._model.advance(self._state, torch.from_numpy(symbols).to(self._device), self._memory))
        said = scores.log_probabilities
        if not isinstance(said, Tensor) or said.ndim != 2 or len(said) != len(symbols) or said.shape[1] <= END:
            raise ShapeError(
                f"search: advance gave log_probabilities {described(said)}; expected "
                f"(rows={len(symbols)}, vocabulary), the vocabulary with its four special symbols."
            )
        self._state = scores.state
        return scores

    def keep(self, kept: np.ndarray, places: np.ndarray) -> None:
        """Go on with these rows, and with the memory of their sentences."""
        owner = places // self._width
        if not _is_whole(kept, len(self._owner)):
            self._state = select(self._state, torch.from_numpy(kept).to(self._device))
        if not np.array_equal(owner, self._owner):
            self._memory = self._memory_of(owner)
        self._owner = owner

    def _memory_of(self, owner: np.ndarray) -> Any:
        if np.array_equal(owner, self._owner[: len(owner)]):
            return take(self._memory, slice(len(owner)))  # the first rows of what is there: nothing is copied
        return take(self._every, torch.from_numpy(owner).to(self._device))


def take(memory: Any, rows: Tensor | slice) -> Any:
    """Take rows of a memory: of its tensors, and of what has ``select``."""
    if memory is None:
        return None
    if isinstance(memory, Tensor):
        return memory[rows]
    if hasattr(memory, "select"):
        return memory.select(torch.arange(rows.stop) if isinstance(rows, slice) else rows)
    if not isinstance(memory, tuple):
        raise StateError(
            f"search: memory holds {described(memory)}; expected a tensor with a row for each sentence, a tuple of "
            "such, or an object with select(rows)."
        )
    inner = [take(part, rows) for part in memory]
    return type(memory)(*inner) if hasattr(memory, "_fields") else tuple(inner)


def first_symbols(rows: int) -> np.ndarray:
    """Give what every hypothesis begins with."""
    return np.full(rows, BEGIN)


def _is_whole(rows: np.ndarray, count: int) -> bool:
    return len(rows) == count and bool((rows == np.arange(count)).all())


def _hold_rows(nest: Any, sentences: int) -> None:
    """Hold state and memory to one row for each sentence, as far as they show their tensors."""
    found = {len(part) for part in _tensors(nest) if part.ndim}
    if found - {sentences}:
        raise ShapeError(
            f"search: state and memory have {sorted(found)} rows; expected {sentences}, one for each of lengths."
        )


def _tensors(nest: Any) -> list[Tensor]:
    if isinstance(nest, Tensor):
        return [nest]
    return [tensor for part in nest for tensor in _tensors(part)] if isinstance(nest, tuple) else []
