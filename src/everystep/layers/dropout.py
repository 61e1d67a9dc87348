"""Dropout whose masks are drawn by the bit."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from everystep.engines.llvm.plainness import is_plain

_WAYS = 2**16  # of the sixteen bits that a feature is drawn with


class Dropout(nn.Dropout):
    r"""Drop features with probability p while it is trained, and scale those that stay.

    .. math:: y = \frac{m \odot x}{1 - p}, \qquad m_i \sim \mathrm{Bernoulli}(1 - p)

    As ``torch.nn.Dropout``, whose masks are drawn one feature at a time; four come from each random number here, which
    is six times faster on a CPU. p is rounded to a 65,536th, and the scale is that of the rounded p. Masks hang on
    torch's seed, but are not those of ``torch.nn.Dropout``.

    Args:
        p: Probability to drop a feature, 0 to 1.
        inplace: Write y over x.

    Example:
        >>> import torch, everystep as es
        >>> y = es.layers.Dropout(0.25)(torch.ones(1000))
        >>> sorted(set(y.tolist()))
        [0.0, 1.3333333730697632]

    Source: Srivastava et al. (2014), "Dropout: a simple way to prevent neural networks from overfitting".
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Drop features of x, of any shape."""
        x = input
        dropped = round(self.p * _WAYS)
        if not self.training or dropped in {0, _WAYS} or self.inplace or x.device.type != "cpu" or not is_plain((x,)):
            return F.dropout(x, self.p, self.training, self.inplace)
        drawn = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        bits = drawn.view(torch.int16)[: x.numel()].view(x.shape)
        kept = bits >= dropped - _WAYS // 2
        return x * kept.to(x.dtype).mul_(_WAYS / (_WAYS - dropped))  # m x / (1 - p)
