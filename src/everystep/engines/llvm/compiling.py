"""What may go wrong while a step is compiled, as one kind of error: then something else runs it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import TypeVar

import torch

from everystep.engines.forks import after_fork, forked
from everystep.errors import EngineError, EverystepError

T = TypeVar("T")
_locks = [threading.RLock()]  # renewed in a forked child, where nobody would release it


def _renew() -> None:
    _locks[0] = threading.RLock()


after_fork(_renew)


def remembered(known: MutableMapping[object, T | EngineError], key: object, make: Callable[[], T]) -> T:
    """Make a thing once for all threads; a refusal is remembered too.

    Raises:
        EngineError: It can't be made.
    """
    found = known.get(key)
    if found is None:
        with _locks[0]:
            found = known.get(key)
            if found is None:
                known[key] = found = _made_or_refused(make)
    if isinstance(found, EngineError):
        raise found.with_traceback(None)
    return found


def _made_or_refused(make: Callable[[], T]) -> T | EngineError:
    try:
        with compiling():
            return make()
    except EngineError as refusal:
        return refusal


@contextmanager
def on_threads_that_are_there() -> Iterator[None]:
    """Let torch compute on the caller's thread alone in a forked child, where its others are gone and it would wait."""
    threads = torch.get_num_threads()
    if not forked() or threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def on_the_cpu() -> Iterator[None]:
    """Let torch make tensors on the CPU, whatever the caller's default device is; telling it so slows every call."""
    if torch.get_default_device().type == "cpu":
        yield
    else:
        with torch.device("cpu"):
            yield


@contextmanager
def compiling() -> Iterator[None]:
    """Say of an error that is nobody's refusal that it is a fault of the compiler: a slower engine runs the step."""
    try:
        yield
    except EverystepError:
        raise
    except Exception as error:
        raise EngineError(f"the compiler failed on this step, which is a fault of everystep: {error!r}") from error
