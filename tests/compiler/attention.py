"""A decoder that looks into a memory of its row: one step of it is what people write."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from everystep.cell import Cell, tap

Attend = Callable[["Decoder", Tensor, "Memory"], tuple[Tensor, Tensor]]


class Memory(NamedTuple):
    """What is looked into."""

    keys: Tensor  # (batch, places, size)
    mask: Tensor  # (batch, places), true where there is something


class DecoderState(NamedTuple):
    """What is carried: a state, and what was found last."""

    h: Tensor
    found: Tensor


def additive(cell: Decoder, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
    """Score places by a small network, as Bahdanau (2015) does."""
    scores = (cell.v * torch.tanh(query.unsqueeze(1) + memory.keys)).sum(-1)
    weights = torch.softmax(scores.masked_fill(~memory.mask, float("-inf")), -1)
    return weights, (weights.unsqueeze(-1) * memory.keys).sum(1)


class Decoder(Cell[DecoderState]):
    """A plain recurrence whose input is joined by what was found one step before."""

    State = DecoderState

    def __init__(self, input_size: int, hidden_size: int, size: int, attend: Attend = additive, heads: int = 1) -> None:
        super().__init__(input_size, hidden_size + size, h=hidden_size, found=size)
        self.U = nn.Linear(input_size + size, hidden_size)
        self.W = nn.Linear(hidden_size, hidden_size, bias=False)
        self.query = nn.Linear(hidden_size, size, bias=False)
        self.v = nn.Parameter(torch.randn(size))
        self.attend, self.heads = attend, heads

    def step(self, state: DecoderState, x: Tensor, memory: Memory) -> tuple[DecoderState, Tensor]:
        """Take one step: the new state asks the memory."""
        h = torch.tanh(self.U(torch.cat([x, state.found], -1)) + self.W(state.h))
        weights, found = self.attend(self, self.query(h), memory)
        tap("attention", weights)
        return DecoderState(h, found), torch.cat([h, found], -1)
