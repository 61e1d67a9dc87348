"""Five cells that are wrong on purpose: each must be rejected by the comparison."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cells import LSTM, LSTMState


def _gates(cell: LSTM, h: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    i, f, g, o = (F.linear(h, cell.W) + F.linear(x, cell.U, cell.b)).chunk(4, dim=-1)
    return torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)


class GatesSwapped(LSTM):
    def step(self, state, x):
        f, i, g, o = _gates(self, state.h, x)
        c = f * state.c + i * g
        h = o * torch.tanh(c)
        return LSTMState(h, c), h


class NoForgetGate(LSTM):
    def step(self, state, x):
        i, _, g, o = _gates(self, state.h, x)
        c = state.c + i * g
        h = o * torch.tanh(c)
        return LSTMState(h, c), h


class StaleH(LSTM):
    def step(self, state, x):
        i, f, g, o = _gates(self, state.h, x)
        c = f * state.c + i * g
        h = o * torch.tanh(c)
        return LSTMState(state.h, c), h


class CSquared(LSTM):
    def step(self, state, x):
        i, f, g, o = _gates(self, state.h, x)
        c = f * state.c**2 + i * g
        h = o * torch.tanh(c)
        return LSTMState(h, c), h


class ReadoutUntied(LSTM):
    """y comes from a copy of the weights: every value is right, and the parameters get too little gradient."""

    def step(self, state, x):
        i, f, g, o = _gates(self, state.h, x)
        c = f * state.c + i * g
        h = o * torch.tanh(c)
        copied = F.linear(state.h, self.W.detach()) + F.linear(x, self.U.detach(), self.b.detach())
        return LSTMState(h, c), torch.sigmoid(copied.chunk(4, dim=-1)[3]) * torch.tanh(c)


WRONG_CELLS = (GatesSwapped, NoForgetGate, StaleH, CSquared, ReadoutUntied)
