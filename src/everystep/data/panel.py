"""From a file or a frame to a panel of checked, evenly spaced series."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from everystep.data.even import Policies, build_series, even_rows, order_rows
from everystep.data.features import Feature, read_extra, read_named
from everystep.data.frequency import Frequency
from everystep.data.guess import guess_frequency
from everystep.data.layout import lay_out
from everystep.data.numbers import numbers
from everystep.data.roles import Roles, choose_roles, names
from everystep.data.rows import Rows, read_ids
from everystep.data.schema import Schema
from everystep.data.season import calendar_season, guess_horizon, guess_season
from everystep.data.series import Panel
from everystep.data.source import read_table
from everystep.data.table import Table
from everystep.data.times import read_times
from everystep.data.wording import counted
from everystep.errors import ArgumentError, DataError


def read_panel(  # noqa: PLR0913  one argument for each thing that a table may leave open
    source: Any,
    *,
    time: str | None = None,
    target: str | Iterable[str] | None = None,
    id: str | None = None,  # noqa: A002
    future: str | Iterable[str] = (),
    past: str | Iterable[str] = (),
    static: str | Iterable[str] = (),
    ignore: str | Iterable[str] = (),
    horizon: int | None = None,
    season: int | None = None,
    freq: str | int | Frequency | None = None,
    gaps: str = "refuse",
    nonfinite: str = "refuse",
    duplicates: str = "refuse",
    unsorted: str = "refuse",
    constant: str = "refuse",
    timezone: str = "refuse",
) -> Panel:
    """Read a table into series, each checked, finite and evenly spaced; what was guessed is said in the notes.

    Args:
        source: The path of a CSV (also gzipped) or Parquet file, or a pandas, polars or Arrow frame.
        time: The time column; None: ``ds``, or the only column that holds dates.
        target: The target column or columns; None: ``y``, or the only column of numbers.
        id: The column that tells series apart; None: ``unique_id``, or a single series without one.
        future: Columns known ahead.
        past: Columns known up to the present; none: all columns that are not named otherwise and are clean.
        static: Columns with one value for each series.
        ignore: Columns to leave out.
        horizon: Steps to forecast, at least 1; None: guessed from the season and the length.
        season: Steps of a season, 1 for none; None: guessed from the calendar or the autocorrelation.
        freq: The step as a pandas offset alias, or a whole number for whole-number times; None: guessed.
        gaps: Missing time stamps: ``"refuse"``, ``"fill"`` or ``"drop"`` (keep what follows the last gap).
        nonfinite: Missing and infinite values: ``"refuse"``, ``"drop"`` or ``"interpolate"``. Missing values alone are
            also mended by ``gaps``, where that is not ``"refuse"``.
        duplicates: A time that comes twice in a series: ``"refuse"``, or keep the ``"first"`` or ``"last"`` row.
        unsorted: Times that fall: ``"refuse"`` or ``"sort"``.
        constant: A series that never changes: ``"refuse"``, ``"drop"`` or ``"keep"``.
        timezone: Times with offsets from UTC: ``"refuse"``, ``"utc"`` (instants) or ``"local"`` (wall clock).

    Returns:
        The panel: its schema, series and notes.

    Raises:
        DataError: if the data can't be used as it is; the message names the place and the ways out.
        UnknownNameError: if a column or frequency that was named is not known.
        MissingExtraError: if the file is Parquet and pyarrow is not installed.

    Example:
        >>> import pandas as pd
        >>> from everystep.data import read_panel
        >>> days = pd.date_range("2024-01-01", periods=60, freq="D")
        >>> panel = read_panel(pd.DataFrame({"ds": days, "y": range(60)}))
        >>> panel.schema.freq.alias, panel.schema.season, panel.schema.horizon, len(panel.series[0])
        ('D', 7, 7, 60)
    """
    _check_counts(horizon, season)
    policies = Policies(gaps, nonfinite, duplicates, unsorted, constant)
    table = read_table(source)
    extras = {"past": names(past), "future": names(future), "static": names(static), "ignore": names(ignore)}
    roles = choose_roles(table, time, target, id, extras)
    times = read_times(table, roles.time, timezone)
    code, ids = read_ids(table, roles.id, roles.targets[0] if len(roles.targets) == 1 else "series")
    parts, coded = _read_parts(table, roles, code)
    layout, values = lay_out(parts)
    rows, ordered = order_rows(
        table, Rows(ids, code, times.values, values, np.arange(table.rows), times.timezone), layout, policies
    )
    step, guessed = _frequency(table, rows, freq)
    rows, evened = even_rows(table, rows, layout, step, season or calendar_season(step), policies)
    series, built = build_series(table, rows, layout, policies.constant)
    _check_season(table, season, max(map(len, series)))
    season, rhythm = (int(season), "") if season else guess_season(step, [one.target for one in series])
    horizon, reach = (int(horizon), "") if horizon else guess_horizon(step, season, [len(one) for one in series])
    columns = {part: tuple(feature.column for feature in features) for part, features in parts.items()}
    schema = Schema(
        time=roles.time, targets=roles.targets, id=roles.id, freq=step, season=season, horizon=horizon,
        past=columns["past"], future=columns["future"], static=columns["static"], timezone=times.timezone,
        categories={one.column: one.categories for group in parts.values() for one in group if one.categories},
        ids=tuple(one.id for one in series),
    )  # fmt: skip
    notes = (*table.notes, *roles.notes, *times.notes, *coded, *ordered, guessed, *evened, *built, rhythm, reach)
    return Panel(schema, series, tuple(filter(None, notes)))


def _check_counts(horizon: int | None, season: int | None) -> None:
    for name, value in (("horizon", horizon), ("season", season)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1):
            raise ArgumentError(f"data: {name} is {value!r}; expected a whole number of at least 1.")


def _check_season(table: Table, season: int | None, longest: int) -> None:
    if season is not None and season > longest:
        raise ArgumentError(
            f"{table.name}: season is {season:,}, and the longest series has {counted(longest, 'step')}; expected a "
            "season that the series hold, or 1 for none."
        )


def _read_parts(table: Table, roles: Roles, code: np.ndarray) -> tuple[dict[str, list[Feature]], list[str]]:
    parts = {"target": [Feature(column, numbers(table, column)[:, None]) for column in roles.targets]}
    notes = []
    for part, columns in (("past", roles.past), ("future", roles.future), ("static", roles.static)):
        parts[part], said = read_named(table, columns)
        notes += said
    extra, said = read_extra(table, roles.extra)
    first = np.unique(code, return_index=True)[1]
    still = [len(first) > 1 and bool((one.values == one.values[first][code]).all()) for one in extra]
    for part, wanted, known in (
        ("past", False, "Known only up to the present"),
        ("static", True, "One value a series"),
    ):
        found = [feature for feature, is_still in zip(extra, still, strict=True) if is_still is wanted]
        parts[part] += found
        notes += [f"{known}: {', '.join(one.column for one in found)}."] if found else []
    return parts, notes + said


def _frequency(table: Table, rows: Rows, given: str | int | Frequency | None) -> tuple[Frequency, str]:
    whole = rows.time.dtype.kind != "M"
    if given is not None:
        freq = given if isinstance(given, Frequency) else Frequency(str(given))
        if freq.whole != whole:
            kinds = ("dates", "whole numbers")
            raise ArgumentError(
                f'{table.name}: the times are {kinds[whole]}, and freq="{freq}" is a step of {kinds[freq.whole]}; '
                f"expected {'a whole number' if whole else 'an offset alias such as h, D, W, MS'}."
            )
        return freq, ""
    freq = guess_frequency(rows.time, rows.code)
    if freq is None:
        raise DataError(
            f"{table.name}: no series has more than one row, so there is neither a step from one time to the next nor "
            "anything to learn from; expected the history of each series."
        )
    return freq, f"Frequency: {freq.words} ({freq}), the most common step."
