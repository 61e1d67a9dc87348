"""Cells and steps as users write them, each with something a drawing may get wrong."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

import everystep as es


class Memory(NamedTuple):
    m: Tensor


class Streams(NamedTuple):
    value: Tensor
    mark: Tensor


class OwnCell(es.Cell[Memory]):
    """Layers of torch.nn, and a readout that also sees x."""

    State = Memory

    def __init__(self, input_size=2, hidden_size=3):
        super().__init__(input_size, hidden_size, m=hidden_size)
        self.enter = nn.Linear(input_size, hidden_size)
        self.recurrent_projection = nn.Linear(hidden_size, hidden_size)
        self.read = nn.Linear(hidden_size + input_size, hidden_size)

    def step(self, state, x):
        m = torch.tanh(self.enter(x) + self.recurrent_projection(state.m))
        return Memory(m), self.read(torch.cat([m, x], -1))


class StreamCell(es.Cell[Memory]):
    """Two streams, a factor for each unit in place of a matrix, a readout by einsum."""

    State = Memory

    def __init__(self, hidden_size=3):
        super().__init__({"value": 1, "mark": 2}, hidden_size, m=hidden_size)
        self.a = nn.Parameter(torch.full((hidden_size,), 0.5))
        self.B = nn.Parameter(torch.ones(hidden_size, 3))
        self.A = nn.Parameter(torch.ones(hidden_size, hidden_size))

    def step(self, state, x):
        m = torch.tanh(self.a * state.m + torch.cat([x.value, x.mark], -1) @ self.B.T)
        return Memory(m), torch.einsum("oi,bi->bo", self.A, m)


class RunningSum(es.Cell[Memory]):
    """No parameters at all."""

    State = Memory

    def __init__(self, size=1):
        super().__init__(size, size, m=size)

    def step(self, state, x):
        m = state.m + x
        return Memory(m), m


class Delay(RunningSum):
    """The state is x itself, and y is the old state."""

    def step(self, state, x):
        return Memory(x), state.m


class Unseen(RunningSum):
    """What enters is compared and cut off, so that autograd sees none of it."""

    def step(self, state, x):
        m = (x > 0).to(x.dtype) + state.m.detach()
        return Memory(m), m.detach() * 2


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weight, s):
        return s @ weight

    @staticmethod
    def backward(ctx, gradient):
        return None, gradient


class Opaque(RunningSum):
    """The product is inside an autograd function of the user's own."""

    def __init__(self):
        super().__init__(1)
        self.weight = nn.Parameter(torch.eye(1))

    def step(self, state, x):
        m = Doubled.apply(self.weight, state.m) + x
        return Memory(m), m


class Frozen(RunningSum):
    """A reservoir: a fixed matrix in a buffer, and a parameter that is not trained."""

    def __init__(self, size=3):
        super().__init__(size)
        self.register_buffer("W", torch.eye(size))
        self.U = nn.Parameter(torch.eye(size), requires_grad=False)

    def step(self, state, x):
        m = torch.tanh(state.m @ self.W + x @ self.U)
        return Memory(m), m


class StaleReadout(RunningSum):
    """Reads out the state before the step: right to draw, wrong to confuse with V s(t)."""

    def __init__(self, size=2):
        super().__init__(size)
        self.W, self.U, self.V = (nn.Parameter(torch.eye(size)) for _ in range(3))

    def step(self, state, x):
        m = state.m @ self.W + x @ self.U
        return Memory(m), state.m @ self.V


HOSTILE = "<script>&\"'\u202e\x00]]>"


class HostileNames(RunningSum):
    def __init__(self, size=2):
        super().__init__(size)
        self.register_parameter(HOSTILE, nn.Parameter(torch.eye(size)))

    def step(self, state, x):
        m = torch.tanh(x + state.m @ getattr(self, HOSTILE))
        return Memory(m), m


def model3():
    """The worked example of the notes."""
    cell = es.cells.LinearSystem(1, 3, 1, bias=False)
    with torch.no_grad():
        cell.W.copy_(torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]))
        cell.U.copy_(torch.tensor([[1.0], [0], [0]]))
        cell.V.fill_(1)
    return cell


W, U, V = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), torch.tensor([[1.0], [0], [0]]), torch.ones(1, 3)


def shift_register(s, x):
    """The worked example as a plain function on plain constants."""
    s = s @ W.T + x @ U.T
    return s, s @ V.T
