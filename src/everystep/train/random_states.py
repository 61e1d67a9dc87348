"""Every source of random numbers: seeded at the start of a run, saved with it, and given back to the caller after."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

Captured = tuple[dict[str, Tensor], dict[str, Any]]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch (every device), NumPy and Python inside the block; put back what they were before after it."""
    before = capture()
    try:
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002  (the state that other code draws from)
        torch.manual_seed(seed)
        yield
    finally:
        restore(*before)


def capture() -> Captured:
    """Read every random state: the long ones as tensors, the rest as plain values."""
    version, numbers, python_gauss = random.getstate()
    numpy = np.random.get_state(legacy=False)  # noqa: NPY002
    tensors = {
        "torch": torch.get_rng_state(),
        "python": torch.tensor(numbers, dtype=torch.int64),
        "numpy": torch.from_numpy(numpy["state"]["key"].astype(np.int64)),
    }
    if torch.cuda.is_initialized():  # a run on the CPU wakes no GPU
        tensors |= {f"cuda.{device}": state for device, state in enumerate(torch.cuda.get_rng_state_all())}
    facts = {
        "python": [version, python_gauss],
        "numpy": [int(numpy["state"]["pos"]), int(numpy["has_gauss"]), float(numpy["gauss"])],
    }
    return tensors, facts


def restore(tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Put every random state back to what ``capture`` read."""
    version, python_gauss = facts["python"]
    position, has_gauss, gauss = facts["numpy"]
    random.setstate((version, tuple(tensors["python"].tolist()), python_gauss))
    key = tensors["numpy"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", key, position, has_gauss, gauss))  # noqa: NPY002
    torch.set_rng_state(tensors["torch"])
    for name, state in tensors.items():
        device = name.removeprefix("cuda.")
        if device != name and int(device) < torch.cuda.device_count():
            torch.cuda.set_rng_state(state, int(device))
