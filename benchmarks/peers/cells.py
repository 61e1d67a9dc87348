"""The seven cells as a user of everystep has them: from the library, or written in a few lines."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import everystep as es
from benchmarks.peers.work import EPSILON, Work


class Memory(NamedTuple):
    """What is let out, and what is kept."""

    h: Tensor
    c: Tensor


class Hidden(NamedTuple):
    """What is remembered."""

    h: Tensor


class LayerNormLSTM(es.Cell[Memory]):
    State = Memory

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__(inputs, hidden, h=hidden, c=hidden)
        self.U, self.W = _weights(4 * hidden, inputs), _weights(4 * hidden, hidden)
        self.b = _weights(4 * hidden)
        self.scale, self.shift = _weights(4, hidden), _weights(4, hidden)
        self.c_scale, self.c_shift = _weights(hidden), _weights(hidden)

    def step(self, state: Memory, x: Tensor) -> tuple[Memory, Tensor]:
        hidden = state.h.shape[-1]
        gates = (F.linear(x, self.U, self.b) + F.linear(state.h, self.W)).unflatten(-1, (4, hidden))
        i, f, g, o = (F.layer_norm(gates, [hidden], eps=EPSILON) * self.scale + self.shift).unbind(-2)
        c = torch.sigmoid(f) * state.c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(F.layer_norm(c, [hidden], self.c_scale, self.c_shift, EPSILON))
        return Memory(h, c), h


class MinGRU(es.Cell[Hidden]):
    State = Hidden

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__(inputs, hidden, h=hidden)
        self.U, self.b = _weights(2 * hidden, inputs), _weights(2 * hidden)

    def step(self, state: Hidden, x: Tensor) -> tuple[Hidden, Tensor]:
        z, n = F.linear(x, self.U, self.b).chunk(2, dim=-1)
        z = torch.sigmoid(z)
        h = (1 - z) * state.h + z * n
        return Hidden(h), h


class Peephole(es.Cell[Memory]):
    State = Memory

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__(inputs, hidden, h=hidden, c=hidden)
        self.U, self.W = _weights(3 * hidden, inputs), _weights(3 * hidden, hidden)
        self.b, self.p_f, self.p_o = _weights(3 * hidden), _weights(hidden), _weights(hidden)

    def step(self, state: Memory, x: Tensor) -> tuple[Memory, Tensor]:
        f, g, o = (F.linear(x, self.U, self.b) + F.linear(state.h, self.W)).chunk(3, dim=-1)
        f = torch.sigmoid(f + self.p_f * state.c)
        c = f * state.c + (1 - f) * torch.tanh(g)
        h = torch.sigmoid(o + self.p_o * c) * torch.tanh(c)
        return Memory(h, c), h


def _weights(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(shape))  # the work's own are copied in


KINDS: dict[str, Callable[[int, int], es.Cell[Any]]] = {
    "elman": es.cells.Elman,
    "lstm": es.cells.LSTM,
    "gru": es.cells.GRU,
    "jordan": partial(es.cells.Jordan, sigma_o="tanh"),
    "lnlstm": LayerNormLSTM,
    "mingru": MinGRU,
    "peephole": Peephole,
}


def filled(work: Work) -> es.Cell[Any]:
    """Make the cell of a work with its parameters, which have the same names."""
    cell = KINDS[work.cell](work.point.inputs, work.point.hidden)
    cell.load_state_dict({name: torch.tensor(value) for name, value in work.parameters.items()})
    return cell
