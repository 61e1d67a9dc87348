"""Read new data as the data of a fitted model was read."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import numpy as np

from everystep.data.even import Policies, build_series, even_rows, order_rows
from everystep.data.features import Feature, read_feature
from everystep.data.layout import lay_out
from everystep.data.numbers import numbers
from everystep.data.rows import Rows, known_option, read_ids
from everystep.data.schema import Schema
from everystep.data.series import Panel
from everystep.data.source import read_table
from everystep.data.table import Table
from everystep.data.times import Times, read_times
from everystep.errors import DataError, unknown

SHOWN = 10  # how many of the known series a message lists


def read_panel_like(
    source: Any,
    schema: Schema,
    *,
    gaps: str = "refuse",
    nonfinite: str = "refuse",
    duplicates: str = "refuse",
    unsorted: str = "refuse",
    new_ids: str = "refuse",
) -> Panel:
    """Read new data for a fitted model: the same columns, categories and step.

    Args:
        source: A path or a frame, as for :func:`read_panel`.
        schema: The schema of the data that the model was fitted on.
        gaps: As for :func:`read_panel`.
        nonfinite: As for :func:`read_panel`.
        duplicates: As for :func:`read_panel`.
        unsorted: As for :func:`read_panel`.
        new_ids: Series that the model was not fitted on: ``"refuse"`` or ``"accept"``.

    Returns:
        A panel under the same schema. A text that is no known category is 0 in every feature, and said in the notes.

    Raises:
        DataError: if the data can't be used as it is.
        UnknownNameError: if a column is missing, or an id is new.
    """
    known_option("new_ids", new_ids, ("refuse", "accept"))
    policies = Policies(gaps, nonfinite, duplicates, unsorted, "keep")
    table = read_table(source)
    times = read_times_like(table, schema)
    code, ids = read_ids(table, schema.id, schema.ids[0] if schema.ids else "series")
    if new_ids == "refuse":
        check_ids(table, schema, ids)
    features = {part: read_features_like(table, schema, part) for part in ("past", "future", "static")}
    target = [Feature(column, numbers(table, column)[:, None]) for column in schema.targets]
    layout, values = lay_out({"target": target, **features})
    rows, ordered = order_rows(
        table, Rows(ids, code, times.values, values, np.arange(table.rows), times.timezone), layout, policies
    )
    rows, evened = even_rows(table, rows, layout, schema.freq, schema.season, policies)
    series, _ = build_series(table, rows, layout, policies.constant)
    coded = [feature.note for group in features.values() for feature in group]
    return Panel(schema, series, tuple(filter(None, (*table.notes, *coded, *ordered, *evened))))


def read_times_like(table: Table, schema: Schema) -> Times:
    """Read the time column, refusing times of another kind than the model's."""
    policy = {"UTC": "utc", "local": "local"}.get(schema.timezone or "", "refuse")
    times = read_times(table, schema.time, policy)
    if (times.values.dtype.kind != "M") != schema.freq.whole:
        kinds = ("dates", "whole numbers")
        raise DataError(
            f'{table.name}: column "{schema.time}" holds {kinds[times.values.dtype.kind != "M"]}; '
            f"the model was fitted on {kinds[schema.freq.whole]}."
        )
    if "UTC" in {times.timezone, schema.timezone} and times.timezone != schema.timezone:
        carried = ("no offset from UTC", "offsets from UTC")
        raise DataError(
            f'{table.name}: column "{schema.time}" has {carried[times.timezone == "UTC"]}; '
            f"the model was fitted on times with {carried[schema.timezone == 'UTC']}."
        )
    return times


def check_ids(table: Table, schema: Schema, ids: tuple[str, ...]) -> None:
    """Refuse series that the model was not fitted on."""
    known = set(schema.ids)
    new = [one for one in ids if one not in known]
    if new:
        near = get_close_matches(new[0], schema.ids, n=1)
        shown = schema.ids if len(schema.ids) <= SHOWN else (*near, *schema.ids[:SHOWN], "and more")
        error = unknown(table.name, "series", new[0], dict.fromkeys(shown))
        more = f" {len(new):,} series are new to the model." if len(new) > 1 else ""
        raise type(error)(f"{error}{more}")


def read_features_like(table: Table, schema: Schema, part: str) -> list[Feature]:
    """Read the columns of one part, with the categories that the model knows."""
    features = []
    for column in getattr(schema, part):
        categories = schema.categories.get(column)
        if categories is None:
            features.append(Feature(column, numbers(table, column)[:, None]))
            continue
        feature = read_feature(table, column, categories)
        assert isinstance(feature, Feature)
        features.append(feature)
    return features
