"""Goes through the items: each in a process of its own where there are cores for it."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from importlib import import_module

import torch

from everystep.errors import ArgumentError, unknown
from everystep.tour.item import Item
from everystep.train.threads import one_thread

ITEMS = {
    "N1": "n1_sharing",
    "N2": "n2_dynamics",
    "N3": "n3_activation",
    "N4": "n4_jordan",
    "N5": "n5_example",
    "N6": "n6_unroll",
    "N7": "n7_gates",
    "N8": "n8_variants",
}
SLOWEST_FIRST = ("N5", "N7", "N4", "N8", "N1", "N3", "N2", "N6")
NOTES_X = (1.0, 2.0, 3.0, 4.0, 5.0)  # the worked example's

Timed = tuple[Item, float]
Say = Callable[[str], None]


def chosen(only: Sequence[str]) -> list[str]:
    """Check the items asked for, in the order of the notes; all of them where none is named.

    Raises:
        UnknownNameError: There is no such item.

    Example:
        >>> from everystep.tour.run import chosen
        >>> chosen(["n6,N2"])
        ['N2', 'N6']
    """
    wanted = [name.strip().upper() for names in only for name in names.split(",")]
    for name in wanted:
        if name not in ITEMS:
            raise unknown("tour", "item", name, ITEMS)
    return [number for number in ITEMS if number in wanted or not wanted]


def parsed_x(text: str) -> tuple[float, ...]:
    """Read the x of the worked example: numbers between commas.

    Raises:
        ArgumentError: An entry is no finite number, or there is none.

    Example:
        >>> from everystep.tour.run import parsed_x
        >>> parsed_x("3,1,4")
        (3.0, 1.0, 4.0)
    """
    return tuple(_number(place, entry, text) for place, entry in enumerate(text.split(","), start=1))


def _number(place: int, entry: str, text: str) -> float:
    try:
        value = float(entry)
    except ValueError:
        value = float("nan")
    if not abs(value) <= _LARGEST:
        raise ArgumentError(
            f'tour: --x "{text}": entry {place} is "{entry.strip()}"; expected a number, at most 1e12, as in --x 3,1,4.'
        )
    return value


_LARGEST = 1e12


def go_through(numbers: Sequence[str], x: tuple[float, ...] = NOTES_X, say: Say = print) -> list[Timed]:
    """Compute items, on one thread each, and tell of each when it is done.

    Args:
        numbers: Which, from ``ITEMS``.
        x: The x of the worked example (N5).
        say: Called with a line whenever an item is done.

    Returns:
        Each item with the seconds it took, in the order asked for. The same call gives the same figures.
    """
    workers = min(os.cpu_count() or 1, len(numbers))
    if workers <= 1:
        done = {number: _told(computed(number, x), say) for number in numbers}
    else:
        context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
        with ProcessPoolExecutor(workers, context) as pool:
            waiting = [pool.submit(computed, number, x) for number in SLOWEST_FIRST if number in numbers]
            done = {timed[0].number: timed for timed in _finished(waiting, say)}
    return [done[number] for number in numbers]


def computed(number: str, x: tuple[float, ...] = NOTES_X) -> Timed:
    """Compute one item; the caller's threads and random numbers are as before."""
    module = import_module(f"everystep.tour.{ITEMS[number]}")
    began = time.perf_counter()
    with torch.random.fork_rng(devices=[]), one_thread():
        item = module.compute(x) if number == "N5" else module.compute()
    return item, time.perf_counter() - began


def _finished(waiting: Sequence[Future[Timed]], say: Say) -> Iterator[Timed]:
    try:
        for future in as_completed(waiting):
            yield _told(future.result(), say)
    except BaseException:
        for future in waiting:
            future.cancel()
        raise


def _told(timed: Timed, say: Say) -> Timed:
    item, seconds = timed
    say(f"{item.number}  {item.title:<40} {seconds:6.1f} s")
    return timed
