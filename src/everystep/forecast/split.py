"""Where training ends, where validation ends: the tail is held back."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from everystep.data import Panel
from everystep.data.wording import counted, show_time
from everystep.errors import ArgumentError, DataError
from everystep.forecast.rows import Rows

Array = NDArray[Any]

SHARE = 0.15  # of each series for validation, and as much again for the test
LEAST_WINDOWS = 4  # training windows below which there is nothing to learn from


@dataclass(frozen=True)
class Split:
    """The three parts of each row: ``[0, train)``, ``[train, valid)`` and ``[valid, end)``; all (rows,).

    A row too short for three parts has ``train = valid = 0``: it is forecast, and neither trained on nor judged.
    """

    train: Array
    valid: Array
    end: Array


def split_by_share(rows: Rows, horizon: int, test: int | None = None) -> Split:
    """Hold back 15% of each row for validation and 15 % for the test, at least one horizon each.

    Args:
        rows: The rows.
        horizon: Steps ahead.
        test: Values of each row to hold back for the test instead of 15%, at least ``horizon``.

    Raises:
        DataError: No row is long enough.
    """
    end = rows.known.copy()
    held = np.maximum(horizon, (SHARE * end).astype(np.int64))
    valid = end - (held if test is None else test)
    train = valid - held
    # Where the shares leave too little to train on, one horizon each is held back.
    tight = train < horizon + LEAST_WINDOWS
    valid[tight] = end[tight] - (horizon if test is None else test)
    train[tight] = valid[tight] - horizon
    least = 2 * horizon + (test or horizon) + LEAST_WINDOWS
    short = end < least
    if short.all():
        raise _too_short(rows, least, horizon, test)
    return Split(np.where(short, 0, train), np.where(short, 0, valid), end)


def split_by_date(panel: Panel, rows: Rows, valid_from: Any, test_from: Any, horizon: int) -> Split:
    """Cut every row at two times: the first of validation and the first of the test.

    Raises:
        ArgumentError: The times are in the wrong order.
        DataError: A part holds less than one horizon in every series.
    """
    cuts = np.array([_cuts(series.times, valid_from, test_from) for series in panel.series])[rows.series]
    train, valid, end = cuts[:, 0], cuts[:, 1], rows.known.copy()
    if (train > valid).any():
        raise ArgumentError(f"split: validation starts at {valid_from}, after the test at {test_from}; swap them.")
    for name, part in (("training", train), ("validation", valid - train), ("test", end - valid)):
        if (part < horizon).all():
            raise DataError(
                f"split: with validation from {valid_from} and test from {test_from} the {name} part has at most "
                f"{counted(int(part.max()), 'value')} of a series; expected at least the horizon, {horizon}. The table "
                f"reaches from {_first(panel)} to {_last(panel)}: move the times, or ask for a shorter horizon."
            )
    short = (train < horizon + LEAST_WINDOWS) | (valid - train < horizon)
    return Split(np.where(short, 0, train), np.where(short, 0, valid), end)


def _first(panel: Panel) -> str:
    return show_time(min(series.times[0] for series in panel.series))


def _last(panel: Panel) -> str:
    return show_time(max(series.times[-1] for series in panel.series))


def _cuts(times: Array, valid_from: Any, test_from: Any) -> tuple[int, int]:
    return int(np.searchsorted(times, _as(times, valid_from))), int(np.searchsorted(times, _as(times, test_from)))


def _as(times: Array, moment: Any) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy drops an offset from UTC with no more than a warning
            return np.array(moment).astype(times.dtype)[()]
    except (ValueError, TypeError, Warning) as error:
        raise ArgumentError(
            f'split: "{moment}" is no time of this table, whose times are like {show_time(times[0])}.'
        ) from error


def _too_short(rows: Rows, least: int, horizon: int, test: int | None) -> DataError:
    longest = int(np.argmax(rows.known))
    length = int(rows.known[longest])
    has = f"forecast: the longest series, {rows.names[longest][0]}, has {counted(length, 'value')}; "
    if test is not None:
        return DataError(
            f"{has}{least:,} are needed: {test:,} for the origins, a horizon of {horizon} each to train and validate, "
            f"and {LEAST_WINDOWS} more. Ask for fewer origins, or for a shorter step or horizon."
        )
    return DataError(
        f"{has}a horizon of {horizon} needs at least {least} (a horizon each to train, validate and test, and "
        f"{LEAST_WINDOWS} more). {_mend(length)}"
    )


def _mend(length: int) -> str:
    possible = (length - LEAST_WINDOWS) // 3
    shorter = f", or a horizon of at most {possible}" if possible > 0 else ""
    return f"Give at least that many values{shorter}."
