"""What a forecaster knows of each series: the values its next window reads, and how new ones are joined on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from everystep.data import Panel, Schema, Series
from everystep.data.wording import counted, show_time
from everystep.errors import DataError

Array = NDArray[Any]

PARTS = ("target", "past", "future")


def tail(panel: Panel, most: int) -> Panel:
    """Keep the last ``most`` steps of each series."""
    return replace(panel, series=tuple(_from(series, max(0, len(series) - most)) for series in panel.series))


def shorter_than(panel: Panel, window: int) -> tuple[str, ...]:
    """Say which histories hold fewer values than the model reads; its forecasts from them are poorer."""
    short = [series for series in panel.series if len(series) < window]
    if not short:
        return ()
    least = min(short, key=len)
    return (
        f"The model reads {counted(window, 'value')} of the past, and {len(short):,} of {len(panel.series):,} series "
        f'have fewer ("{least.id}" has {len(least):,}): give longer histories for better forecasts.',
    )


def joined(known: Panel, new: Panel) -> Panel:
    """Join new values onto what is known; where both hold a time, the new value counts.

    Args:
        known: What is known.
        new: New values under the same schema: of some series, or of all; new series are taken as they are.

    Returns:
        The longer panel.

    Raises:
        DataError: Steps are missing between the known end of a series and its new values.
    """
    news = {series.id: series for series in new.series}
    old = [_join(series, news.pop(series.id), known.schema) if series.id in news else series for series in known.series]
    return replace(known, series=(*old, *news.values()))


def to_arrays(panel: Panel) -> dict[str, Array]:
    """Give the series of a panel as few arrays: the parts one after another, and the length of each series."""
    arrays = {part: np.concatenate([getattr(series, part) for series in panel.series]) for part in PARTS}
    return {
        **arrays,
        "static": np.stack([series.static for series in panel.series]),
        "length": np.array([len(series) for series in panel.series], dtype=np.int64),
        "end": np.array([series.times[-1] for series in panel.series]).astype(np.int64),
    }


def from_arrays(schema: Schema, ids: tuple[str, ...], arrays: Mapping[str, Array]) -> Panel:
    """Read back what ``to_arrays`` gave."""
    cuts = np.cumsum(arrays["length"])[:-1]
    parts = {part: np.split(arrays[part], cuts) for part in PARTS}
    kind = np.int64 if schema.freq.whole else "datetime64[ns]"
    ends = arrays["end"].astype(np.int64).view(kind)
    series = []
    for i, name in enumerate(ids):
        times = schema.freq.at(ends[i : i + 1], np.arange(1 - int(arrays["length"][i]), 1))
        series.append(Series(name, times, *(parts[part][i] for part in PARTS), static=arrays["static"][i]))
    return Panel(schema, tuple(series))


def _join(old: Series, new: Series, schema: Schema) -> Series:
    expected = schema.freq.after(old.times[-1], 1)[0]
    if new.times[0] > expected:
        raise DataError(
            f'forecast: series "{old.id}" is known up to {show_time(old.times[-1])} and the new data begins at '
            f"{show_time(new.times[0])}; expected it to go on at {show_time(expected)}. Give the steps between as well."
        )
    if schema.freq.after(new.times[-1], 1)[0] < old.times[0]:
        return old  # all of it lies before what is read
    kept = old.times < new.times[0]
    # The new end counts; where the new data ends before the old, the old values after it stay.
    after = old.times > new.times[-1]
    parts = {
        part: np.concatenate([getattr(old, part)[kept], getattr(new, part), getattr(old, part)[after]])
        for part in ("times", *PARTS)
    }
    return replace(old, **parts, static=new.static)


def _from(series: Series, start: int) -> Series:
    return replace(series, **{part: getattr(series, part)[start:] for part in ("times", *PARTS)})
