"""Lengths in a graph of ``torch.compile``, where they have no numbers yet: they are checked whenever the graph runs."""

from __future__ import annotations

import torch
from torch import Tensor

from everystep.unroll import arguments


@torch.library.custom_op(
    "everystep::within", mutates_args=(), schema="(str who, Tensor lengths, SymInt steps) -> Tensor"
)
def within(who: str, lengths: Tensor, steps: int) -> Tensor:
    """Refuse lengths that are out of range, and give them as they are."""
    arguments.check_range(who, lengths, steps)
    return lengths.clone()


@within.register_fake
def _(who: str, lengths: Tensor, steps: int) -> Tensor:  # noqa: ARG001
    return torch.empty_like(lengths)
