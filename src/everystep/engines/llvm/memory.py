"""Memory for compiled code, which asks of it only that rows lie one after another."""

from __future__ import annotations

import torch
from torch import Tensor


def room(*shape: int, dtype: torch.dtype) -> Tensor:
    """Memory in which nothing stands yet."""
    return torch.empty(shape, dtype=dtype, device="cpu")  # whatever the caller's default device is


def zeros_in_place_of(value: Tensor) -> Tensor:
    """Zeros laid out as a tensor is, gaps between its elements included: a view of one is a view of the other."""
    if value.is_contiguous() and value.is_cpu:
        return torch.zeros_like(value)
    reach = sum((n - 1) * stride for n, stride in zip(value.shape, value.stride(), strict=True))
    zeros = torch.zeros(reach + 1 if value.numel() else 0, dtype=value.dtype, device="cpu")
    return zeros.as_strided(value.shape, value.stride())


def laid_out_as(value: Tensor, layout: Layout) -> Tensor:
    """The same numbers where compiled code looks for them: a tensor that was saved may come back otherwise."""
    if layout_of(value) == layout:
        return value
    copy = zeros_in_place_of(torch.empty_strided(layout[0], layout[1], dtype=layout[2], device="meta"))
    return copy.copy_(value)


Layout = tuple[torch.Size, tuple[int, ...], torch.dtype]


def layout_of(value: Tensor) -> Layout:
    """Shape, strides and dtype."""
    return value.shape, value.stride(), value.dtype
