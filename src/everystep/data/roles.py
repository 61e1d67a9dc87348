"""Decide which column plays which part."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from everystep.data.dates import UnreadableDateError, parse_dates
from everystep.data.numbers import holds_numbers
from everystep.data.table import Table
from everystep.errors import DataError

COUNTED = (
    "t",
    "time",
    "step",
    "index",
    "year",
    "years",
    "hour",
    "day",
    "week",
    "month",
)  # whole-number times by these names


@dataclass(frozen=True)
class Roles:
    """The columns by their parts; ``extra`` were not named, and are used only if they are clean."""

    time: str
    targets: tuple[str, ...]
    id: str | None
    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def names(given: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return one name or several as a tuple."""
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(given)


def choose_roles(
    table: Table,
    time: str | None,
    target: str | Iterable[str] | None,
    id: str | None,  # noqa: A002
    extras: dict[str, tuple[str, ...]],
) -> Roles:
    """Give each column its part, guessing those that were not named.

    Args:
        table: The data.
        time: The time column, or None to look for it.
        target: The target columns, or None for ``y`` or the only column of numbers.
        id: The column of series' ids, or None for ``unique_id`` where there is one.
        extras: The columns named as ``past``, ``future``, ``static`` and ``ignore``.

    Raises:
        UnknownNameError: if a named column is not there.
        DataError: if a part can't be guessed, or a column is named twice.
    """
    if id is None and "unique_id" in table.columns:
        id = "unique_id"  # noqa: A001
    targets = names(target)
    named = [*names(time), *targets, *names(id), *(name for group in extras.values() for name in group)]
    _check_named(table, named)
    notes = []
    if time is None:
        time, note = _find_time(table, named)
        notes.append(note)
    rest = [name for name in table.columns if name not in {*named, time}]
    if not targets:
        targets, note = _find_target(table, rest)
        notes.append(note)
    extra = () if extras["past"] else tuple(name for name in rest if name and name not in targets)
    unused = [name for name in rest if name not in targets and name not in extra]
    if extras["past"] and unused:
        notes.append(f"Columns not named were left out: {', '.join(unused)}.")
    kept = {part: group for part, group in extras.items() if part != "ignore"}
    return Roles(time, targets, id, extra=extra, notes=tuple(filter(None, notes)), **kept)


def _check_named(table: Table, named: list[str]) -> None:
    for name in named:
        table.column(name)
        if named.count(name) > 1:
            raise DataError(f'{table.name}: column "{name}" is named twice; a column plays one part.')


def _find_time(table: Table, named: list[str]) -> tuple[str, str]:
    if "ds" in table.columns and "ds" not in named:
        return "ds", ""
    free = [name for name in table.columns if name not in named]
    dates = [name for name in free if _holds_dates(table.columns[name])]
    if len(dates) == 1:
        return dates[0], f'Time: column "{dates[0]}", the only one that holds dates.'
    if not dates:
        counted = [name for name in free if name.lower() in COUNTED and holds_numbers(table, name)]
        if len(counted) == 1:
            return counted[0], f'Time: column "{counted[0]}", by its name.'
    found = f"{len(dates)} columns hold dates: {', '.join(dates)}" if dates else "no column holds dates"
    usual = 'column "ds" is named for another part' if "ds" in named else 'there is no column "ds"'
    raise DataError(f"{table.name}: {usual} and {found}; name the time column. Known here: {', '.join(table.columns)}.")


def _holds_dates(values: np.ndarray) -> bool:
    if values.dtype.kind == "M":
        return True
    if values.dtype.kind != "O":
        return False
    some = np.array([text.strip() for text in dict.fromkeys(values[:200]) if text.strip()], dtype=object)
    if not len(some) or all(text.replace(".", "").isdigit() for text in some):
        return False
    try:
        parse_dates(some)
    except UnreadableDateError as error:
        return error.ambiguous
    return True


def _find_target(table: Table, rest: list[str]) -> tuple[tuple[str, ...], str]:
    if "y" in rest:
        return ("y",), ""
    of_numbers = [name for name in rest if holds_numbers(table, name)]
    if len(of_numbers) == 1:
        return (of_numbers[0],), f'Target: column "{of_numbers[0]}", the only one of numbers.'
    raise DataError(
        f'{table.name}: there is no column "y" and {len(of_numbers)} columns of numbers; name the target. '
        f"Known here: {', '.join(table.columns)}."
    )
