"""A decoder's cell that hears what it is told at some steps, and what it said itself at the others."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from everystep.cell import Cell, tap
from everystep.layers.beside import changed, put, taken
from everystep.seq2seq.embedding import Embedding
from everystep.seq2seq.readout import Readout
from everystep.seq2seq.states import named_state


class Hears(NamedTuple):
    """What a cell that listens is given at a step, or at all of them."""

    x: Tensor  # (batch, embedding): the symbol that it is told, embedded
    told: Tensor  # (batch, 1): more than 0 where it is told that


class Listening(Cell[Any]):
    r"""A decoder as one cell, which goes on from the likeliest symbol that it said where it is not told another.

    .. math::
        e(t+1) &= m \odot \begin{cases} x(t+1) & \text{where told} \\ E_{k(t)} & \text{else} \end{cases} \\
        s(t+1),\ y &= \mathrm{step}(s(t),\ e(t+1)), \qquad k(t+1) = \mathrm{argmax}(\mathrm{readout}(y,\ e(t+1)))

    m drops features anew at each step while the dropout is being trained. The choice of k passes no gradient, the
    vector that it chose does. x is a :class:`Hears`; the part ``said`` of the state is E at k; e is tapped as
    ``entered``, k as ``symbol``.

    Args:
        cell: The decoder's cell; its context is this one's too.
        embedding: E.
        readout: Scores every symbol.
        dropout: Of what enters.

    Source: Bengio, Vinyals, Jaitly & Shazeer (2015), "Scheduled sampling for sequence prediction with recurrent neural
    networks".
    """

    def __init__(self, cell: Cell[Any], embedding: Embedding, readout: Readout, dropout: nn.Dropout) -> None:
        parts = {**cell.part_sizes, "said": embedding.size}
        self._parts = tuple(parts)
        self.State = named_state(*self._parts)
        super().__init__({"x": embedding.size, "told": 1}, cell.output_size, **parts)
        self.cell = cell
        self.embedding = embedding
        self.readout = readout
        self.dropout = dropout

    def begun(self, state: Any) -> Any:
        """Give the state before the first step, in which nothing was said, of the cell's own."""
        return self.State(*state, state[0].new_zeros(len(state[0]), self.embedding.size))

    def initial_state(self, batch_size: int, like: Tensor, context: Any = None) -> Any:
        """Make the state before the first step: the cell's own, and nothing said."""
        given = () if context is None else (context,)
        return self.begun(self.cell.initial_state(batch_size, like, *given))

    @property
    def drops(self) -> bool:
        """Whether features of what enters are dropped."""
        return self.dropout.training and self.dropout.p > 0

    @property
    def draws(self) -> bool:
        """Whether something is drawn for an unroll."""
        return self.drops or self.cell.draws

    def noised(self, x: Any, context: Any = None) -> tuple[Any, Any]:
        """Put beside x and context what the cell draws, and what is kept of what enters."""
        kept = {"kept": self.dropout(torch.ones_like(x.x))} if self.drops else {}
        inner, context = self.cell.noised(x.x, context)
        return put(inner, {"told": x.told, **kept}), context

    def step(self, state: Any, x: Any, *context: Any) -> tuple[Any, Tensor]:
        """Hear a symbol, take a step of the cell, and say the next one."""
        x, beside = self._apart(x)
        x = changed(lambda symbol: torch.where(beside["told"] > 0, symbol, state.said), x)
        if self.drops:
            x = changed(lambda symbol: symbol * beside["kept"], x)
        entered = tap("entered", x if isinstance(x, Tensor) else x.x)
        after, y = self.cell.step(self.cell.State(*state[:-1]), x, *context)
        symbol = tap("symbol", self.readout(y, entered).argmax(dim=-1))
        return self.State(*after, self.embedding(symbol)), y

    def _apart(self, x: Any) -> tuple[Any, dict[str, Tensor]]:
        """Give x as the cell takes it, and what rides beside it."""
        if not self.draws:
            return x.x, {"told": x.told}
        return taken("Listening", x, ["told", *(["kept"] if self.drops else [])])
