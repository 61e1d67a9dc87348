"""Threads of Python that run regions of compiled code; none holds Python's lock while it does.

Only other threads than the main one run a region: the main thread may at any instruction of Python be taken away by
Ctrl-C, and within a callback the exception would be lost and the region left half done. So :func:`enter` has a worker
make the call, and the main thread waits for it and is interrupted after it.
"""

from __future__ import annotations

import ctypes
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from everystep.engines.forks import after_fork

_Region = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class _Place(threading.local):
    """Where the running thread stands in the region that it runs."""

    number = 0
    size = 1


class _Work:
    """Places of one team, each taken by whoever comes first: its caller too, so nothing waits for a busy worker."""

    def __init__(self, act: Callable[[], Any], places: int) -> None:
        self.act = act
        self.size = places
        self.left = deque(range(places))
        self.running = places
        self.error: BaseException | None = None
        self.counting = threading.Lock()
        self.over = threading.Lock()  # held until the last place is over
        self.over.acquire()

    def take_part(self) -> None:
        """Run places until none is left."""
        while self.left:
            try:
                number = self.left.popleft()
            except IndexError:  # another thread was faster
                return
            self.run(number)

    def run(self, number: int) -> None:
        """Act in one place."""
        before = _place.number, _place.size
        _place.number, _place.size = number, self.size
        try:
            self.act()
        except BaseException as cause:  # noqa: BLE001 - the one who waits raises it
            self.error = cause
        _place.number, _place.size = before
        with self.counting:
            self.running -= 1
            if not self.running:
                self.over.release()

    def wait(self) -> None:
        """Return when the last place is over; may be called again if it was interrupted."""
        while self.running:
            self.over.acquire()


_place = _Place()
_queue: SimpleQueue[_Work] = SimpleQueue()
_started: list[threading.Thread] = []
_starting = threading.Lock()


def ready(threads: int) -> int:
    """Have so many workers waiting.

    Returns:
        How many there are, at most ``threads``: the system may refuse to start more.
    """
    with _starting:
        while len(_started) < threads:
            worker = threading.Thread(target=_serve, args=(_queue,), name="everystep", daemon=True)
            try:
                worker.start()
            except RuntimeError:  # no more threads
                break
            _started.append(worker)
        return min(threads, len(_started))


def enter(function: Callable[..., None], *arguments: Any) -> None:
    """Call a compiled function that runs regions on the workers.

    Args:
        function: Called with the arguments, on this thread or, if this is the main one, on a worker.
        arguments: What it takes.

    Raises:
        BaseException: Whatever interrupted the main thread meanwhile, raised after the function has returned.
    """
    if threading.current_thread() is not threading.main_thread():
        function(*arguments)
        return
    work = _Work(lambda: function(*arguments), 1)
    cause = None
    while work.running:
        try:
            _queue.put(work)  # once more after an interruption, which may have come before or after it: one place is
            work.wait()  # taken once
        except BaseException as interruption:  # noqa: BLE001 - raised below, when nothing runs any more
            cause = interruption
    if cause := work.error or cause:
        raise cause


def _serve(queue: SimpleQueue[_Work]) -> None:
    while True:
        queue.get().take_part()


def _parallel(region: int, data: int, threads: int, _flags: int) -> None:
    call = _Region(region)
    work = _Work(lambda: call(data), threads)
    for _ in range(threads - 1):
        _queue.put(work)
    work.take_part()
    work.wait()


def _thread_num() -> int:
    return _place.number


def _num_threads() -> int:
    return _place.size


def _begin_anew() -> None:
    """Forget the workers: a forked child has none of them, and whatever lay in the queue is its parent's."""
    global _queue, _starting
    _queue, _starting = SimpleQueue(), threading.Lock()
    _started.clear()


after_fork(_begin_anew)


def address(function: Any) -> int:
    """Where a ctypes function, or one that ctypes made of a Python function, begins."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0


# held for as long as the process lives, as compiled code has their addresses
_PARALLEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)(_parallel)
_THREAD_NUM = ctypes.CFUNCTYPE(ctypes.c_int)(_thread_num)
_NUM_THREADS = ctypes.CFUNCTYPE(ctypes.c_int)(_num_threads)
ADDRESSES = address(_PARALLEL), address(_THREAD_NUM), address(_NUM_THREADS)
