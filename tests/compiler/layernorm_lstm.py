"""A cell of a user: an LSTM whose gates and memory are normalised."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from everystep.cell import Cell, tap


class State(NamedTuple):
    h: Tensor  # (batch, hidden)
    c: Tensor  # (batch, hidden)


class LayerNormLSTM(Cell[State]):
    State = State

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size, h=hidden_size, c=hidden_size)
        self.W = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.U = nn.Linear(input_size, 4 * hidden_size)
        self.gates = nn.LayerNorm(4 * hidden_size)
        self.memory = nn.LayerNorm(hidden_size)

    def step(self, state, x):
        i, f, g, o = self.gates(self.W(state.h) + self.U(x)).chunk(4, dim=-1)
        keep = tap("keep", torch.sigmoid(f))
        c = keep * state.c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(self.memory(c))
        return State(h, c), h
