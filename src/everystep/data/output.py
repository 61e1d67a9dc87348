"""Hand a forecast back in the caller's own kind of frame."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import narwhals as nw
import numpy as np

from everystep.data.schema import Schema


def forecast_frame(
    ids: np.ndarray, times: np.ndarray, values: Mapping[str, np.ndarray], *, schema: Schema, like: Any = None
) -> Any:
    """Build a long table with the columns ``unique_id``, ``ds`` and one for each array of values.

    Args:
        ids: (rows,) the series of each row.
        times: (rows,) datetime64[ns] or int64.
        values: Further columns, each (rows,); times among them are treated as ``ds`` is.
        schema: The schema of the fitted data: it knows the time zone, and which columns hold ids and times.
        like: The frame whose kind the result takes (pandas, polars or Arrow); a path or None gives a pandas frame.

    Returns:
        The frame. Times are in UTC where the schema's are, and in the zone of ``like`` where that has one; ids have the
        type that they have in ``like``.

    Example:
        >>> import numpy as np, polars as pl
        >>> from everystep.data import forecast_frame, read_panel
        >>> source = pl.DataFrame({"ds": [1, 2, 3], "y": [1.0, 2.0, 4.0]})
        >>> frame = forecast_frame(
        ...     np.array(["y"]), np.array([4]), {"everystep": np.array([8.0])},
        ...     schema=read_panel(source).schema, like=source,
        ... )
        >>> frame.rows()
        [('y', 4, 8.0)]
    """
    import pandas as pd

    if like is None or isinstance(like, str | os.PathLike):
        like = pd.DataFrame()
    native = nw.from_native(like)
    columns = {
        "unique_id": [str(one) for one in ids],
        "ds": times,
        **{name: np.asarray(v) for name, v in values.items()},
    }
    frame = nw.from_dict(columns, backend=native.implementation)
    known = dict(native.collect_schema())
    of_id, of_time = known.get(schema.id or ""), known.get(schema.time)
    if of_id is not None and of_id.is_integer():
        frame = frame.with_columns(nw.col("unique_id").cast(of_id))
    dates = [name for name, dtype in frame.schema.items() if isinstance(dtype, nw.Datetime)]
    return _as_known(frame, dates, schema.timezone, of_time).to_native() if dates else frame.to_native()


def _as_known(frame: nw.DataFrame, dates: list[str], timezone: str | None, of_time: Any) -> nw.DataFrame:
    if timezone == "UTC":
        zone = getattr(of_time, "time_zone", None) or "UTC"
        return frame.with_columns(nw.col(dates).dt.replace_time_zone("UTC").dt.convert_time_zone(zone))
    return frame.with_columns(nw.col(dates).cast(nw.Date)) if of_time == nw.Date else frame
