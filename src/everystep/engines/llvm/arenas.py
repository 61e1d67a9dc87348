"""Memory for what a forward pass keeps, used again by the next one once nobody looks at it any more.

A training step keeps tens of megabytes for its way back and frees them; from the system they would come as fresh pages
each time, which costs up to a third of a forward pass. What the user is given never lies in an arena.
"""

from __future__ import annotations

import ctypes
import mmap
import threading
from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor

from everystep.engines.forks import after_fork

WORTH = 1 << 20  # bytes from which memory is used again
MOST = 256 << 20  # bytes that are held while nobody uses them
ALIGNED = 64
_IDLE = 2  # references to a storage that nobody uses: the arena's tensor and its storage

_lock = threading.Lock()
_arenas: list[_Arena] = []


class _Arena:
    def __init__(self, size: int) -> None:
        self.size = size
        self.memory = torch.empty(size + ALIGNED, dtype=torch.uint8, device="cpu")
        _ask_for_large_pages(self.memory)
        self.storage = self.memory.untyped_storage()
        self.shift = -self.memory.data_ptr() % ALIGNED

    @property
    def idle(self) -> bool:
        return torch._C._storage_Use_Count(self.storage._cdata) == _IDLE  # noqa: SLF001

    def tensors(self, rows: int, sizes: Sequence[int], dtype: torch.dtype) -> list[Tensor]:
        found, at = [], self.shift // dtype.itemsize
        for size in sizes:
            found.append(torch.empty(0, dtype=dtype, device="cpu").set_(self.storage, at, (rows, size), (size, 1)))
            at += _padded(rows * size * dtype.itemsize) // dtype.itemsize
        return found


def _ask_for_large_pages(memory: Tensor) -> None:
    """Let the system put memory on pages of megabytes where it has them: rows lie pages apart."""
    advise, page = _madvise(), mmap.PAGESIZE
    first = -(-memory.data_ptr() // page) * page
    size = (memory.data_ptr() + memory.numel() - first) // page * page
    if advise is not None and size > 0:
        advise(first, size, mmap.MADV_HUGEPAGE)  # it may say no


@cache
def _madvise() -> Callable[[int, int, int], int] | None:
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return None
    function = ctypes.CDLL(None).madvise
    function.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return function


def kept(rows: int, sizes: Sequence[int], dtype: torch.dtype) -> list[Tensor]:
    """Make uninitialized tensors (rows, size) for what one forward pass keeps."""
    total = sum(_padded(rows * size * dtype.itemsize) for size in sizes)
    if total < WORTH:
        return [torch.empty((rows, size), dtype=dtype, device="cpu") for size in sizes]
    with _lock:
        return _arena(total).tensors(rows, sizes, dtype)


def _arena(size: int) -> _Arena:
    idle = [arena for arena in _arenas if arena.idle]
    fitting = [arena for arena in idle if size <= arena.size <= 2 * size]
    if fitting:
        return min(fitting, key=lambda arena: arena.size)
    held = sum(arena.size for arena in idle)
    for arena in idle:  # the oldest first
        if held + size > MOST:
            _arenas.remove(arena)
            held -= arena.size
    made = _Arena(size)
    if size <= MOST:
        _arenas.append(made)
    return made


def _padded(size: int) -> int:
    return -(-size // ALIGNED) * ALIGNED


def _forget() -> None:
    _arenas.clear()


after_fork(_forget)
