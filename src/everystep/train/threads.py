"""One thread for small networks: a second one costs them more than it brings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch work on one thread inside the block, and as before after it.

    The products of a step are so small that handing them to a second thread takes longer than they do; on a busy
    machine ten times longer. It also makes the bits independent of the number of cores.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
