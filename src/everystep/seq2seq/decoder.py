"""The decoder: what was said so far, and a memory to look at, in; what comes next out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from everystep.cell import Cell, listen
from everystep.errors import unknown
from everystep.layers import Dropout, Feedback, VariationalDropout
from everystep.seq2seq.attention import Attention, Looked
from everystep.seq2seq.attentive import AttendAfter, AttendBefore, Attentive
from everystep.seq2seq.embedding import Embedding, check_embedding
from everystep.seq2seq.encoder import Encoded, Make
from everystep.seq2seq.listening import Hears, Listening
from everystep.seq2seq.readout import Readout
from everystep.seq2seq.search.model import Rows
from everystep.seq2seq.search.spoken import Said
from everystep.seq2seq.speaking import ENDING, LIKELY, LOOKED, SAID
from everystep.seq2seq.stacked import Stacked
from everystep.seq2seq.streams import Streams
from everystep.unroll import unroll


class Memory(NamedTuple):
    """What a decoder needs of source sequences; rows first, so that ``layers.select`` takes rows of it."""

    looked: Looked | None  # what is attended to
    start: Any  # the decoder's state before the first step


class Forced(NamedTuple):
    """What a decoder made of sequences that it was told."""

    features: Tensor  # (target time, batch, features)
    embedded: Tensor  # (target time, batch, embedding)  what entered
    engine: str


class Decoder(nn.Module):
    """Symbols, embedded, through a stack of cells that may attend; scores of the next symbol out.

    Without input feeding, and with attention after the state update that remembers nothing, the stack runs layer after
    layer and attention looks at all steps at once. Else a step of everything is one step of one cell.

    Args:
        embedding: That of the target symbols; it may be another module's too.
        hidden_size: Units of each cell.
        make: A cell class, or a function of input and hidden size.
        memory_size: Features of the encoder's memory.
        layers: How many cells.
        attention: An attention class, or a function of query and memory size; None attends to nothing.
        attend: ``"after"`` the state update, or ``"before"`` it.
        input_feeding: What a step puts out enters the next one.
        tied: The readout's weight is the embedding's.
        readout_embedding: The readout sees the symbol before.
        dropout: Probability to drop a feature: of the embedding and before the readout anew at each step, between
            layers once for a sequence.

    Raises:
        UnknownNameError: ``attend`` is no such name.
        ArgumentError: The embedding is another kind of module.

    Example:
        >>> import torch, everystep as es
        >>> from everystep.seq2seq import Decoder, Embedding, Encoder, General
        >>> encoder = Encoder(Embedding(100, 16), 8, es.cells.GRU)
        >>> decoder = Decoder(
        ...     Embedding(50, 16), 8, es.cells.LSTM, memory_size=encoder.output_size, attention=General
        ... )
        >>> encoded = encoder(torch.randint(100, (5, 3)), lengths=torch.tensor([5, 2, 4]))
        >>> memory = decoder.remember(encoded, {})
        >>> scores, state, weights = decoder.advance(memory.start, torch.tensor([2, 2, 2]), memory)
        >>> scores.shape, weights[1].count_nonzero()
        (torch.Size([3, 50]), tensor(2))
    """

    listening: Listening  # this decoder as a cell that runs freely

    def __init__(
        self,
        embedding: Embedding,
        hidden_size: int,
        make: Make,
        *,
        memory_size: int,
        layers: int = 1,
        attention: Callable[[int, int], Attention] | None = None,
        attend: str = "after",
        input_feeding: bool = False,
        tied: bool = False,
        readout_embedding: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_embedding("Decoder", embedding)
        if attend not in _ATTENTIVE:
            raise unknown("Decoder", "attend", attend, _ATTENTIVE)
        put_out = make(1, hidden_size).output_size
        fed = input_feeding * put_out
        seen = memory_size * (attention is not None and attend == "before")
        self.stack = _stack(make, embedding.size + fed + seen, hidden_size, layers, dropout)
        cell: Cell[Any] = self.stack
        if attention is not None:
            cell = _ATTENTIVE[attend](self.stack, attention(self.stack.output_size, memory_size))
        self.attention = cell.attention if isinstance(cell, Attentive) else None
        self.cell = Feedback(cell) if input_feeding else cell
        self.embedding = embedding
        self.dropout = Dropout(dropout)
        self.readout = Readout(cell.output_size, self.embedding, tied=tied, sees_embedding=readout_embedding)
        self._streams = Streams(self.cell, self.embedding, self.readout)
        free = Listening(self.cell, self.embedding, self.readout, self.dropout)
        self.__dict__["listening"] = free  # made of modules that are registered here, and so not registered itself

    def train(self, mode: bool = True) -> Decoder:
        """Change the mode; weights that searches keep packed are let go, as another mode is where they change."""
        self._streams.forget()
        return super().train(mode)

    def remember(self, encoded: Encoded, start: Mapping[str, Tensor]) -> Memory:
        """Make ready what all steps need.

        Args:
            encoded: What the encoder made.
            start: Parts of the first state by name, as a bridge gives them; the others begin as they would anyway.
        """
        looked = None if self.attention is None else self.attention.look(encoded.memory, encoded.lengths)
        state = self.cell.initial_state(encoded.memory.shape[1], encoded.memory, looked)
        return Memory(looked, state._replace(**{part: start[part] for part in start if part in state._fields}))

    def over(self, entering: Tensor, memory: Memory, lengths: Tensor, engine: str = "auto") -> Forced:
        """Say what is told: the symbol that enters each step is known.

        Args:
            entering: (target time, batch) int64.
            memory: What was remembered of the source.
            lengths: (batch,) steps of each target.
            engine: As for ``unroll``.
        """
        embedded = self.dropout(self.embedding(entering))
        if isinstance(self.cell, Stacked):
            return Forced(*_between(self.cell.over(embedded, memory.start, lengths, engine), embedded))
        if isinstance(self.cell, AttendAfter) and not self.cell.remembers:
            return Forced(*_between(self.cell.over(embedded, memory.start, memory.looked, lengths, engine), embedded))
        out = unroll(self.cell, embedded, memory.start, context=memory.looked, lengths=lengths, engine=engine)
        return Forced(out.y, embedded, out.engine)

    def sampled(
        self, entering: Tensor, memory: Memory, told: Tensor, lengths: Tensor | None = None, engine: str = "auto"
    ) -> Forced:
        """Say what is told at some steps, and at the others go on from what it says itself, the likeliest symbol.

        Gradients do not flow through the choice of a symbol.

        Args:
            entering: (target time, batch) int64; the first is always told.
            memory: What was remembered of the source.
            told: (target time, batch) bool, true where ``entering`` enters.
            lengths: (batch,) steps of each target; all of them when not given.
            engine: As for ``unroll``.
        """
        embedded = self.embedding(entering)
        first = torch.arange(len(entering), device=told.device).unsqueeze(1) == 0
        x = Hears(embedded, (told | first).unsqueeze(-1).to(embedded.dtype))
        out = unroll(
            self.listening, x, self.listening.begun(memory.start), context=memory.looked, lengths=lengths,
            record=["entered"], engine=engine,
        )  # fmt: skip
        return Forced(out.y, out.record["entered"], out.engine)

    def advance(self, state: Any, symbols: Tensor, memory: Memory) -> tuple[Tensor, Any, Tensor | None]:
        """Take one step of a search.

        Args:
            state: The state, rows first.
            symbols: (rows,) int64, what enters.
            memory: Of the same rows.

        Returns:
            Log probabilities of what comes next, (rows, symbols), the state after, and attention weights (rows,
            positions) where it attends; positions past a length have weight 0.
        """
        embedded = self.dropout(self.embedding(symbols))
        if len(symbols) and self._kept(embedded):
            return self._streams.step(state, embedded, memory.looked)
        with listen() as taps:
            state, y = self.cell.step(state, embedded, *_one(memory.looked))
        scores = self.readout(self.dropout(y), embedded)
        return torch.log_softmax(scores, dim=-1), state, taps.get("attention")

    def speak(self, memory: Memory, closed: tuple[int, ...], most: np.ndarray) -> Said | None:
        """Say the likeliest symbol at each step, and go on from it: see :meth:`Speaker.speak`."""
        if not self._kept(memory.start[0]):
            return None
        said = self._streams.speak(memory.start, memory.looked, closed, most)
        symbols, likely, ending = (said[:, :, column] for column in (SAID, LIKELY, ENDING))
        looked = None if memory.looked is None else said[:, :, LOOKED:]
        return Said(symbols.astype(np.int64), likely, ending, looked)

    def hold(self, memory: Memory, sentences: int, width: int) -> AbstractContextManager[Rows] | None:
        """Hold the rows of a search: see :meth:`Holder.hold`."""
        held = sentences and width and self._kept(memory.start[0])
        return self._streams.hold(memory.start, memory.looked, width) if held else None

    def _kept(self, like: Tensor) -> bool:
        """Whether weights are kept packed from step to step: where they are neither trained nor elsewhere."""
        plain = like.device.type == "cpu" and like.dtype in {torch.float32, torch.float64}
        return plain and not (torch.is_grad_enabled() or self.training)


_ATTENTIVE: dict[str, Any] = {"after": AttendAfter, "before": AttendBefore}


def _stack(make: Make, input_size: int, hidden_size: int, layers: int, dropout: float) -> Stacked:
    cells = [make(input_size, hidden_size)]
    while len(cells) < layers:
        cell = make(cells[-1].output_size, hidden_size)
        cells.append(VariationalDropout(cell, inputs=dropout) if dropout else cell)
    return Stacked(*cells)


def _between(run: tuple[Tensor, str], embedded: Tensor) -> tuple[Tensor, Tensor, str]:
    features, engine = run
    return features, embedded, engine


def _one(context: Any) -> tuple[Any, ...]:
    return () if context is None else (context,)
