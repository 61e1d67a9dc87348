"""Whether compiled code can serve: only where tensors are numbers in memory and nobody is watching."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch._C import _functorch  # pyright: ignore[reportAttributeAccessIssue]
from torch.autograd import forward_ad
from torch.nn import Parameter

_PLAIN = {Tensor, Parameter}
_DTYPES = {torch.float32, torch.float64, torch.bool, torch.bfloat16, torch.float16}


def why_not_plain(tensors: Iterable[Tensor]) -> str | None:
    """Say what keeps compiled code from serving, or None."""
    watched = why_watched()
    if watched is not None:
        return watched
    return next((reason for reason in map(_why_not_plain, tensors) if reason is not None), None)


def why_watched() -> str | None:
    """Say who wants to see every operation, or None."""
    if _functorch.maybe_current_level() is not None:
        return "a transform of torch.func is at work"
    if torch._C._len_torch_dispatch_stack():  # noqa: SLF001
        return "a dispatch mode (fake tensors, a tracer) is at work"
    if forward_ad._current_level >= 0:  # noqa: SLF001
        return "forward-mode differentiation is at work"
    if torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:  # noqa: SLF001
        return "torch is tracing or exporting"
    return None


def _why_not_plain(value: Tensor) -> str | None:
    if type(value) not in _PLAIN:
        return f"a tensor is a {type(value).__name__}"
    if not value.is_cpu:
        return f"a tensor lies on {value.device}"
    if value.dtype not in _DTYPES:
        return f"a tensor is {str(value.dtype).removeprefix('torch.')}"
    return _why_not_memory(value)


def _why_not_memory(value: Tensor) -> str | None:
    if value.layout is not torch.strided:
        return "a tensor is not plain memory"
    if _functorch.is_legacy_batchedtensor(value):
        return "many gradients are asked for at once"
    if value.is_neg():  # what is of these dtypes can't be conjugated
        return "a tensor is a view that computes"
    return None


_keys_of = torch._C._dispatch_keys  # noqa: SLF001


def _plain_keys() -> frozenset[int]:
    """What torch's dispatcher sees of tensors that are numbers in memory and nothing else, as one number each."""
    found = [_keys_of(torch.empty(0, device="cpu")).raw_repr()]
    with torch.inference_mode():
        found.append(_keys_of(torch.empty(0, device="cpu")).raw_repr())
    return frozenset(found)


_KEYS = _plain_keys()


def is_plain(tensors: Iterable[Tensor]) -> bool:
    """Whether compiled code can serve, for tensors whose dtypes are known: said at once where all is as usual."""
    if why_watched() is not None:
        return False
    for value in tensors:
        if (type(value) not in _PLAIN or _keys_of(value).raw_repr() not in _KEYS) and _why_not_plain(value) is not None:
            return False
    return True
