"""Large products, faster than torch takes them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from everystep.engines.llvm.plainness import is_plain

_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
LARGE = 2**22  # multiplications from which on it pays: to set a product up takes forty microseconds


def linear(x: Tensor, weights: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute x Wᵀ + b.

    In float32 by oneDNN, which has the widest vectors of any processor; MKL, which torch asks otherwise, uses half of
    them where the processor is not of its own make, and takes twice as long.

    Args:
        x: (..., features).
        weights: (outputs, features), of any strides.
        bias: (outputs,).
    """
    given = (x, weights) if bias is None else (x, weights, bias)
    if torch.compiler.is_compiling() or not (_is_large(*given) and is_plain(given)):
        return F.linear(x, weights, bias)
    if torch.is_grad_enabled() and any(value.requires_grad for value in given):
        return _Linear.apply(x, weights, bias)  # pyright: ignore[reportReturnType]
    return _product(x, weights, bias)


class Linear(nn.Linear):
    """``torch.nn.Linear`` by :func:`linear`."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Compute x Wᵀ + b."""
        return linear(input, self.weight, self.bias)


def _is_large(x: Tensor, weights: Tensor, *bias: Tensor) -> bool:
    fits = all(value.dtype is torch.float32 and value.device.type == "cpu" for value in (x, weights, *bias))
    return _ONEDNN and fits and x.numel() * len(weights) >= LARGE


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor, bias: Tensor | None) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx.save_for_backward(x, weights)
        return _product(x, weights, bias)

    @staticmethod
    def backward(ctx: Any, error: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, weights = ctx.saved_tensors
        of_x, of_weights, of_bias = ctx.needs_input_grad
        rows, entered = error.flatten(0, -2), x.flatten(0, -2)
        return (
            linear(error, weights.t()) if of_x else None,  # dx = dy W
            linear(rows.t(), entered.t()) if of_weights else None,  # dW = dyᵀ x
            rows.sum(0) if of_bias else None,
        )


def _product(x: Tensor, weights: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weights, bias, "none", [], "")  # noqa: SLF001
