"""Products of a readout, which are large and need no graph."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
LARGE = 2**22  # multiplications from which on it pays: to set a product up takes forty microseconds


def linear(x: Tensor, weights: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute x Wᵀ + b without a gradient.

    In float32 by oneDNN, which has the widest vectors of any processor; MKL, which torch asks otherwise, uses half of
    them where the processor is not of its own make, and takes twice as long.

    Args:
        x: (rows, features).
        weights: (outputs, features), of any strides.
        bias: (outputs,).
    """
    large = _ONEDNN and len(x) * weights.numel() >= LARGE
    if large and x.dtype is torch.float32 and x.device.type == "cpu":
        return torch.ops.mkldnn._linear_pointwise(x, weights, bias, "none", [], "")  # noqa: SLF001
    return F.linear(x, weights, bias)
