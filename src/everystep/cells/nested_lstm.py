"""The nested LSTM: the memory of an LSTM is itself an LSTM."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import gate_bias, orthogonal, uniform
from everystep.cells.registry import register

_GATES = ("input", "forget", "candidate", "output")


class NestedLSTMState(NamedTuple):
    """What a nested LSTM remembers."""

    h: Tensor  # (batch, hidden)  what was let out
    c: Tensor  # (batch, hidden)  the memory: what the inner LSTM let out
    inner: Tensor  # (batch, hidden)  the memory of the inner LSTM


@register("nested_lstm")
class NestedLSTM(Cell[NestedLSTMState]):
    r"""Nested long short-term memory, two deep.

    .. math::
        i, f, o &= \sigma(W_{i,f,o}\, h(t) + U_{i,f,o}\, x(t+1) + b_{i,f,o}) \\
        g &= \tanh(W_g h(t) + U_g x(t+1) + b_g) \\
        \tilde h &= f \odot c(t), \qquad \tilde x = i \odot g \\
        \tilde i, \tilde f, \tilde o &= \sigma(\tilde W_{i,f,o}\, \tilde h + \tilde U_{i,f,o}\, \tilde x
            + \tilde b_{i,f,o}) \\
        \tilde g &= \tanh(\tilde W_g \tilde h + \tilde U_g \tilde x + \tilde b_g) \\
        \tilde c(t+1) &= \tilde f \odot \tilde c(t) + \tilde i \odot \tilde g \\
        c(t+1) &= \tilde o \odot \tanh(\tilde c(t+1)) \\
        h(t+1) &= o \odot \tanh(c(t+1)), \qquad y = h

    Where an LSTM adds :math:`f \odot c` and :math:`i \odot g`, this one gives them to an inner LSTM as its state
    and its input. Gates are tapped as ``input``, ``forget``, ``candidate`` and ``output``, those of the inner LSTM
    as ``inner_input`` and so on, and lie in this order in W, U and b, and in ``W_inner``, ``U_inner`` and
    ``b_inner``.

    W and ``W_inner`` start orthogonal gate by gate, U and ``U_inner`` uniform with variance 1 / columns, biases zero
    except those of the forget gates, which are 1 so that a new cell keeps its memory.

    Args:
        input_size: Features of x.
        hidden_size: Features of every part of the state, and of y.

    Example:
        >>> import torch, everystep as es
        >>> es.unroll(es.cells.NestedLSTM(3, 8), torch.randn(20, 4, 3), record=["inner"]).record["inner"].shape
        torch.Size([20, 4, 8])

    Source: Moniz & Krueger (2017), "Nested LSTMs", at a depth of two.
    """

    State = NestedLSTMState

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, h=hidden_size, c=hidden_size, inner=hidden_size)
        self.W = orthogonal(hidden_size, hidden_size, blocks=4)
        self.U = uniform(hidden_size, input_size, blocks=4)
        self.b = gate_bias(hidden_size, _GATES, forget=1.0)
        self.W_inner = orthogonal(hidden_size, hidden_size, blocks=4)
        self.U_inner = uniform(hidden_size, hidden_size, blocks=4)
        self.b_inner = gate_bias(hidden_size, _GATES, forget=1.0)

    def step(self, state: NestedLSTMState, x: Tensor) -> tuple[NestedLSTMState, Tensor]:
        i, f, g, o = _gates("", F.linear(state.h, self.W) + F.linear(x, self.U, self.b))
        kept, written = f * state.c, i * g  # the inner state and the inner input
        gates = F.linear(kept, self.W_inner) + F.linear(written, self.U_inner, self.b_inner)
        inner_i, inner_f, inner_g, inner_o = _gates("inner_", gates)
        inner = inner_f * state.inner + inner_i * inner_g
        c = inner_o * torch.tanh(inner)
        h = o * torch.tanh(c)
        return NestedLSTMState(h, c, inner), h


def _gates(name: str, values: Tensor) -> list[Tensor]:
    """Bring the four gates of an LSTM into their ranges, and name them."""
    squash = (torch.sigmoid, torch.sigmoid, torch.tanh, torch.sigmoid)
    parts = zip(_GATES, squash, values.chunk(4, dim=-1), strict=True)
    return [tap(name + gate, sigma(value)) for gate, sigma, value in parts]
