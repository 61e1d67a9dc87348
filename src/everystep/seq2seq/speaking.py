"""A decoder with its readout as one cell that goes on from what it says: a step of greedy search, nothing outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from everystep.cell import Cell, listen
from everystep.seq2seq.embedding import Embedding
from everystep.seq2seq.readout import Readout
from everystep.seq2seq.states import named_state
from everystep.text.symbols import BEGIN, END

SAID, LIKELY, ENDING, LOOKED = range(4)  # columns of y; attention weights take all from the last on


class Speaking(Cell[Any]):
    r"""A decoder that goes on from the likeliest symbol it may say.

    .. math::
        s(t+1),\ a &= \mathrm{step}(s(t),\ E_{k(t)}) \\
        p &= \log \mathrm{softmax}(\mathrm{readout}(a,\ E_{k(t)})) \\
        k(t+1) &= \mathrm{argmax}_{j\ \mathrm{open}}\ p_j, \qquad y = [k(t+1);\ p_{k(t+1)};\ p_\mathrm{END};\ \alpha]

    x has no features; the part ``said`` of the state is E at k, and α is where it looked. Of equally likely symbols it
    says the lowest. k is exact below 2^24, beyond any vocabulary.

    Args:
        cell: The decoder's cell; its context is this one's too.
        embedding: E.
        readout: Scores every symbol.
        places: Of the memory; 0 for a cell that does not attend.
        closed: Symbols that it never says.
    """

    closed: Tensor  # (symbols,): -inf where one is closed, else 0

    def __init__(
        self, cell: Cell[Any], embedding: Embedding, readout: Readout, places: int, closed: Sequence[int]
    ) -> None:
        parts = {**cell.part_sizes, "said": embedding.size}
        self.State = named_state(*parts)
        super().__init__(0, LOOKED + places, **parts)
        self.cell = cell
        self.embedding = embedding
        self.readout = readout
        shut = torch.zeros_like(readout.c, requires_grad=False)
        shut[list(closed)] = -torch.inf
        self.register_buffer("closed", shut)

    def begun(self, state: Any) -> Any:
        """Give the state before the first symbol, of the cell's own."""
        symbols = torch.full((len(state[0]),), BEGIN, device=state[0].device)
        return self.State(*state, self.embedding(symbols).detach())

    def initial_state(self, batch_size: int, like: Tensor, context: Any = None) -> Any:
        """Make the state before the first symbol."""
        return self.begun(self.cell.initial_state(batch_size, like, *(() if context is None else (context,))))

    def step(self, state: Any, x: Tensor, *context: Any) -> tuple[Any, Tensor]:  # noqa: ARG002 - it has no features
        """Say the next symbol."""
        with listen() as taps:
            after, a = self.cell.step(self.cell.State(*state[:-1]), state.said, *context)
        p = torch.log_softmax(self.readout(a, state.said), dim=-1)
        may = p + self.closed
        k = may.argmax(dim=-1, keepdim=True)
        told = [k.to(p.dtype), may.amax(dim=-1, keepdim=True), p[:, END : END + 1]]
        looked = [taps["attention"]] if "attention" in taps else []
        return self.State(*after, self.embedding(k.squeeze(-1))), torch.cat([*told, *looked], dim=-1)
