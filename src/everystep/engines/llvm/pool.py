"""The threads that compiled code runs a region on: torch's own, or Python's, or the caller's alone.

Compiled code is given three addresses. It calls ``parallel(region, data, threads, flags)``, which calls
``region(data)`` once on each thread of a team and returns when all have returned; inside the region ``thread_num()``
and ``num_threads()`` tell a thread its place. The team may be smaller than asked for (a limit of the environment,
a region inside a region), so a region takes the pieces ``thread_num``, ``thread_num + num_threads``, ... And since
on Python's threads one place may run after another, no thread of a region may wait for another.

torch's own OpenMP team comes first: its threads are awake, and two pools would fight over the processors. It does not
survive a fork, and on some systems there is none; then Python's threads serve. ``EVERYSTEP_POOL`` (openmp, python or
serial) chooses one for a process.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch

from everystep.engines.forks import after_fork, forked
from everystep.engines.llvm import workers
from everystep.errors import EngineError, unknown

VARIABLE = "EVERYSTEP_POOL"


class Team(NamedTuple):
    """How a region is run on several threads.

    Attributes:
        parallel: Address of ``void (void (*region)(void *), void *data, unsigned threads, unsigned flags)``; 0 if
            there is one thread: compiled code then calls the region itself, as thread 0 of 1.
        thread_num: Address of ``int (void)``, or 0.
        num_threads: Address of ``int (void)``, or 0.
        threads: How many to ask for.
        enter: Calls a compiled function that runs regions: ``enter(function, *arguments)``.
        awake: Whether its threads wait awake, so that a region costs about a microsecond besides its work.
    """

    parallel: int
    thread_num: int
    num_threads: int
    threads: int
    enter: Callable[..., None]
    awake: bool = False


def team(threads: int) -> Team:
    """The team for the next call; asked anew at each, as torch's number of threads may change and processes fork.

    Args:
        threads: The most that the work is worth; ``torch.get_num_threads()`` bounds it too.

    Raises:
        UnknownNameError: ``EVERYSTEP_POOL`` names no pool.
        EngineError: It names one that is not there.
    """
    wanted = min(threads, torch.get_num_threads())
    if wanted <= 1:
        return SERIAL
    return _teams.get(wanted) or _new_team(wanted)


def _directly(function: Callable[..., None], *arguments: Any) -> None:
    function(*arguments)


SERIAL = Team(0, 0, 0, 1, _directly)
_teams: dict[int, Team] = {}
after_fork(_teams.clear)


def _new_team(threads: int) -> Team:
    asked = os.environ.get(VARIABLE, "")
    if asked and asked not in _POOLS:
        raise unknown(VARIABLE, "pool", asked, _POOLS)
    made = _POOLS[asked](threads) if asked else _openmp(threads) or _python(threads)
    if made is None:
        raise EngineError(
            f"{VARIABLE}={asked}: torch's OpenMP threads are not to be had here (no OpenMP, or a forked process); "
            f"unset {VARIABLE}, or set it to python or serial."
        )
    return _teams.setdefault(threads, made)


def _openmp(threads: int) -> Team | None:
    addresses = None if forked() else _gomp()
    return Team(*addresses, threads, _directly, _stay_awake(threads)) if addresses else None


def _stay_awake(threads: int) -> bool:
    """Whether threads of OpenMP wait awake: each has a processor, and nobody has asked them to sleep."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return threads <= processors and os.environ.get("OMP_WAIT_POLICY", "").lower() != "passive"


def _python(threads: int) -> Team:
    granted = workers.ready(threads)
    return Team(*workers.ADDRESSES, granted, workers.enter) if granted > 1 else SERIAL


def _serial(_threads: int) -> Team:
    return SERIAL


_POOLS: dict[str, Callable[[int], Team | None]] = {"openmp": _openmp, "python": _python, "serial": _serial}


@cache
def _gomp() -> tuple[int, int, int] | None:
    """The addresses of the OpenMP that torch's own calls reach, or None.

    Found as the dynamic linker finds it: first what is loaded for everyone (a preloaded libiomp5 comes before torch's
    libgomp), then what torch's library brings.
    """
    if os.name != "posix":
        return None
    for library in (None, *sorted((Path(torch.__file__).parent / "lib").glob("libtorch_cpu.*"))):
        try:
            loaded = ctypes.CDLL(None if library is None else str(library), mode=getattr(os, "RTLD_NOLOAD", 0))
            functions = loaded.GOMP_parallel, loaded.omp_get_thread_num, loaded.omp_get_num_threads
        except (OSError, AttributeError):
            continue
        return workers.address(functions[0]), workers.address(functions[1]), workers.address(functions[2])
    return None
