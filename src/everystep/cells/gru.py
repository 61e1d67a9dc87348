"""The gated recurrent unit: two gates do the work of three."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import bias, gate_bias, orthogonal, uniform
from everystep.cells.registry import register
from everystep.errors import unknown


class GRUState(NamedTuple):
    """What a GRU remembers."""

    h: Tensor  # (batch, hidden)


@register("gru_before", reset="before")
@register("gru")
class GRU(Cell[GRUState]):
    r"""Gated recurrent unit, in both published forms.

    .. math::
        r, z &= \sigma(W_{r,z}\, h(t) + U_{r,z}\, x(t+1) + b_{r,z}) \\
        n &= \tanh(r \odot (W_n h(t) + d) + U_n x(t+1) + b_n) && \text{reset after the product} \\
        n &= \tanh(W_n (r \odot h(t)) + U_n x(t+1) + b_n) && \text{reset before the product} \\
        h(t+1) &= z \odot h(t) + (1 - z) \odot n, \qquad y = h

    Gates are tapped as ``reset`` (r), ``update`` (z: how much is kept; 1 - z is written) and ``candidate`` (n), and
    lie in this order in W, U and b.

    W starts orthogonal gate by gate, U uniform with variance 1 / input_size, all biases zero: an update gate of 1/2
    keeps and writes in equal parts.

    Args:
        input_size: Features of x.
        hidden_size: Features of h and of y.
        reset: ``"after"`` the product, as in ``torch.nn.GRU`` (it needs a bias d of its own inside the reset), or
            ``"before"`` it, as in the paper.

    Example:
        >>> import torch, everystep as es
        >>> out = es.unroll(es.cells.GRU(3, 8), torch.randn(20, 4, 3), record=["update"])
        >>> out.record["update"].shape
        torch.Size([20, 4, 8])

    Source: Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder", equations 5-8 (before);
    the form with reset after the product is cuDNN's. In the paper z keeps and 1 - z writes, as here; Chung et al.
    (2014) have them the other way round. In ``torch.nn.GRU``, ``b = bias_ih + bias_hh`` for r and z, ``b_n = bias_ih``
    and ``d = bias_hh`` for the candidate.
    """

    State = GRUState

    def __init__(self, input_size: int, hidden_size: int, *, reset: str = "after") -> None:
        super().__init__(input_size, hidden_size, h=hidden_size)
        if reset not in _CANDIDATES:
            raise unknown("GRU", "reset", reset, _CANDIDATES)
        self.reset = reset
        self.W = orthogonal(hidden_size, hidden_size, blocks=3)
        self.U = uniform(hidden_size, input_size, blocks=3)
        self.b = gate_bias(hidden_size, ("reset", "update", "candidate"))
        self.d = bias(hidden_size, wanted=reset == "after")

    def step(self, state: GRUState, x: Tensor) -> tuple[GRUState, Tensor]:
        h = state.h
        hidden = h.shape[-1]
        W_rz, W_n = self.W.split([2 * hidden, hidden])
        from_x_rz, from_x_n = F.linear(x, self.U, self.b).split([2 * hidden, hidden], dim=-1)
        r, z = torch.sigmoid(F.linear(h, W_rz) + from_x_rz).chunk(2, dim=-1)
        r, z = tap("reset", r), tap("update", z)
        n = tap("candidate", torch.tanh(_CANDIDATES[self.reset](h, r, W_n, self.d) + from_x_n))
        h = z * h + (1 - z) * n
        return GRUState(h), h


def _reset_after(h: Tensor, r: Tensor, W_n: Tensor, d: Tensor | None) -> Tensor:
    return r * F.linear(h, W_n, d)  # r ⊙ (W_n h(t) + d)


def _reset_before(h: Tensor, r: Tensor, W_n: Tensor, d: Tensor | None) -> Tensor:  # noqa: ARG001
    return F.linear(r * h, W_n)  # W_n (r ⊙ h(t))


_CANDIDATES = {"after": _reset_after, "before": _reset_before}
