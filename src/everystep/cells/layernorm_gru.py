"""GRU with layer normalisation."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.cell import Cell, tap
from everystep.cells.initial import bias, gate_bias, orthogonal, scale, uniform
from everystep.cells.registry import register


class LayerNormGRUState(NamedTuple):
    """What a layer-normalised GRU remembers."""

    h: Tensor  # (batch, hidden)


@register("layernorm_gru")
class LayerNormGRU(Cell[LayerNormGRUState]):
    r"""Gated recurrent unit with layer normalisation.

    .. math::
        r, z &= \sigma(\alpha_{h;r,z} \odot N(W_{r,z}\, h(t)) + \alpha_{x;r,z} \odot N(U_{r,z}\, x(t+1)) + b_{r,z}) \\
        n &= \tanh(\alpha_{x;n} \odot N(U_n x(t+1)) + b_n + r \odot (\alpha_{h;n} \odot N(W_n h(t)) + d)) \\
        h(t+1) &= (1 - z) \odot h(t) + z \odot n, \qquad y = h

    :math:`N(a) = (a - \mathrm{mean}\,a) / \sqrt{\mathrm{var}\,a + 10^{-5}}`, over the features of both gates
    together, and over those of the candidate.

    Gates are tapped as ``reset`` (r), ``update`` (z: how much is written, the other way round from ``GRU``) and
    ``candidate`` (n), and lie in this order in W, U, b and α.

    W starts orthogonal gate by gate, U uniform with variance 1 / input_size, the scales α at 1, all biases zero.

    Args:
        input_size: Features of x.
        hidden_size: Features of h and of y.

    Example:
        >>> import torch, everystep as es
        >>> es.unroll(es.cells.LayerNormGRU(3, 8), torch.randn(20, 4, 3)).y.shape
        torch.Size([20, 4, 8])

    Source: Ba, Kiros & Hinton (2016), "Layer normalization", supplementary material, the equations of the GRU.
    Shifts that only ever appear as their sum are one here: b for both normalisations of a gate, b_n of the
    candidate; the shift d inside the reset stays apart.
    """

    State = LayerNormGRUState

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, h=hidden_size)
        self.W = orthogonal(hidden_size, hidden_size, blocks=3)
        self.U = uniform(hidden_size, input_size, blocks=3)
        self.b = gate_bias(hidden_size, ("reset", "update", "candidate"))
        self.alpha_h = scale(3 * hidden_size)
        self.alpha_x = scale(3 * hidden_size)
        self.d = bias(hidden_size, wanted=True)

    def step(self, state: LayerNormGRUState, x: Tensor) -> tuple[LayerNormGRUState, Tensor]:
        hidden = state.h.shape[-1]
        gates = [2 * hidden, hidden]  # r and z are normalised together, n apart
        alpha_h, alpha_n = self.alpha_h.split(gates)
        of_h, of_h_n = F.linear(state.h, self.W).split(gates, dim=-1)
        from_x, from_x_n = self._from_x(x, gates)
        r, z = torch.sigmoid(F.layer_norm(of_h, alpha_h.shape, alpha_h) + from_x).chunk(2, dim=-1)
        r, z = tap("reset", r), tap("update", z)
        n = tap("candidate", torch.tanh(from_x_n + r * F.layer_norm(of_h_n, alpha_n.shape, alpha_n, self.d)))
        h = (1 - z) * state.h + z * n
        return LayerNormGRUState(h), h

    def _from_x(self, x: Tensor, gates: list[int]) -> list[Tensor]:
        parts = (F.linear(x, self.U).split(gates, dim=-1), self.alpha_x.split(gates), self.b.split(gates))
        return [F.layer_norm(a, alpha.shape, alpha, b) for a, alpha, b in zip(*parts, strict=True)]  # α_x ⊙ N(U x) + b
