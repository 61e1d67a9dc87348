"""The simple recurrent unit: all products are of x, so the loop over time is light."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import gate_bias, per_feature, uniform
from everystep.cells.registry import register


class SRUState(NamedTuple):
    """What a simple recurrent unit remembers."""

    c: Tensor  # (batch, hidden)


@register("sru")
class SRU(Cell[SRUState]):
    r"""Simple recurrent unit.

    .. math::
        f &= \sigma(U_f x(t+1) + v_f \odot c(t) + b_f) \\
        r &= \sigma(U_r x(t+1) + v_r \odot c(t) + b_r) \\
        c(t+1) &= f \odot c(t) + (1 - f) \odot U_n x(t+1) \\
        y(t+1) &= r \odot c(t+1) + (1 - r) \odot x(t+1)

    Gates are tapped as ``forget`` (f: how much is kept), ``reset`` (r: how much of the memory is let out; the rest
    is x itself) and ``candidate`` (:math:`U_n x`), and lie in this order in U; v and b hold forget, reset. There is
    no product with the state.

    Where x has another number of features than c, a product ``skip`` of x takes the place of x in y.

    U starts uniform with variance 1 / input_size, v uniform in ±1 (it stands beside pre-activations of variance 1),
    b zero.

    Args:
        input_size: Features of x.
        hidden_size: Features of c and of y.

    Example:
        >>> import torch, everystep as es
        >>> es.unroll(es.cells.SRU(8, 8), torch.randn(20, 4, 8), record=["forget"]).record["forget"].shape
        torch.Size([20, 4, 8])

    Source: Lei et al. (2018), "Simple recurrent units for highly parallelizable recurrence", section 3. The paper's
    constant factor α of x in y is 1 here, as it is in the authors' code unless asked for.
    """

    State = SRUState

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, c=hidden_size)
        self.U = uniform(hidden_size, input_size, blocks=3)
        self.v = per_feature(2 * hidden_size, -1.0, 1.0)
        self.b = gate_bias(hidden_size, ("forget", "reset"))
        self.skip = None if input_size == hidden_size else uniform(hidden_size, input_size)

    def step(self, state: SRUState, x: Tensor) -> tuple[SRUState, Tensor]:
        f, r, n = F.linear(x, self.U).chunk(3, dim=-1)
        v_f, v_r = self.v.chunk(2)
        b_f, b_r = self.b.chunk(2)
        f = tap("forget", torch.sigmoid(f + v_f * state.c + b_f))
        r = tap("reset", torch.sigmoid(r + v_r * state.c + b_r))
        c = f * state.c + (1 - f) * tap("candidate", n)
        y = r * c + (1 - r) * (x if self.skip is None else F.linear(x, self.skip))
        return SRUState(c), y
