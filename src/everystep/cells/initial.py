"""First values of parameters, each with its reason."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def orthogonal(rows: int, columns: int, blocks: int = 1) -> nn.Parameter:
    """Make recurrent weights W: one orthogonal matrix a gate.

    An orthogonal W neither grows nor shrinks what it carries from step to step, so a state and its gradient start out
    with all their singular values at 1.

    Source: Saxe, McClelland & Ganguli (2014), "Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks"; Le, Jaitly & Hinton (2015) for recurrent networks.
    """
    weights = torch.empty(blocks, rows, columns)
    for block in weights:
        if block.numel():
            nn.init.orthogonal_(block)
    return nn.Parameter(weights.reshape(blocks * rows, columns))


def uniform(rows: int, columns: int, blocks: int = 1) -> nn.Parameter:
    r"""Make input or readout weights: uniform with variance ``1 / columns``.

    Inputs of variance 1 then give pre-activations of variance 1, whatever the number of features.

    Source: LeCun et al. (1998), "Efficient BackProp", section 4.6.
    """
    bound = math.sqrt(3 / columns) if columns else 0.0
    return nn.Parameter(torch.empty(blocks * rows, columns).uniform_(-bound, bound))


def bias(size: int, wanted: bool) -> nn.Parameter | None:
    """Make a zero bias, or none."""
    return nn.Parameter(torch.zeros(size)) if wanted else None


def gate_bias(hidden_size: int, gates: tuple[str, ...], **values: float) -> nn.Parameter:
    """Make the biases of several gates in one vector, zero unless a value is given by name."""
    filled: list[Tensor] = [torch.full((hidden_size,), values.get(gate, 0.0)) for gate in gates]
    return nn.Parameter(torch.cat(filled))


def per_feature(size: int, low: float, high: float) -> nn.Parameter:
    """Make one weight a feature, uniform in (low, high)."""
    return nn.Parameter(torch.empty(size).uniform_(low, high))


def scale(size: int) -> nn.Parameter:
    """Make the scale of a normalisation: 1, so that it starts as the normalisation alone."""
    return nn.Parameter(torch.ones(size))
