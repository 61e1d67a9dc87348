"""Optimizers that write into parameters unseen: after each of their steps we say so, as torch does for the others."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook


@cache
def notice_steps() -> None:
    """From now on a step of any optimizer shows in the versions of its parameters.

    ``torch.optim`` leaves them as they are with ``fused=True`` (torch 2.13), and so do optimizers that write into
    ``p.data``.
    """
    register_optimizer_step_post_hook(_written)


def _written(optimizer: Optimizer, *_: Any) -> None:
    for group in optimizer.param_groups:
        torch.autograd.graph.increment_version([p for p in group["params"] if p.grad is not None])
