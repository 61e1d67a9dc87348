"""Read a data frame of any library into a table, and hand a forecast back in the caller's own kind."""

from __future__ import annotations

from collections import Counter
from typing import Any

import narwhals as nw
import numpy as np

from everystep.data.table import Table
from everystep.errors import DataError


def table_from_frame(frame: Any, name: str = "the frame") -> Table:
    """Read a pandas, polars or Arrow frame (whatever narwhals knows)."""
    wrapped = _wrap(frame, name)
    columns, zones = {}, {}
    for column in wrapped.columns:
        series = wrapped[column]
        if isinstance(series.dtype, nw.Datetime) and series.dtype.time_zone is not None:
            zones[str(column)] = str(series.dtype.time_zone)
        columns[str(column)] = _array(series)
    if not columns or not len(wrapped):
        raise DataError(f"{name} has no {'rows' if columns else 'columns'}.")
    return Table(name=name, columns=columns, zones=zones)


def _wrap(frame: Any, name: str) -> nw.DataFrame:
    if nw.dependencies.is_pandas_series(frame):
        frame = frame.to_frame("y" if frame.name is None else frame.name)
    if nw.dependencies.is_pandas_dataframe(frame):
        frame = _pandas_index_as_columns(frame).rename(columns=str)
        twice = [column for column, times in Counter(map(str, frame.columns)).items() if times > 1]
        if twice:
            raise DataError(f'{name} has several columns called "{twice[0]}"; names must differ.')
    try:
        wrapped = nw.from_native(frame)
    except TypeError as error:
        raise DataError(
            f"the data is a {type(frame).__name__}; expected the path of a CSV or Parquet file, "
            "or a pandas, polars or Arrow frame."
        ) from error
    return wrapped.collect() if isinstance(wrapped, nw.LazyFrame) else wrapped


def _pandas_index_as_columns(frame: Any) -> Any:
    """Turn an index that carries times or names into columns; row numbers are left out."""
    import pandas as pd

    index = frame.index
    if isinstance(index, pd.DatetimeIndex | pd.PeriodIndex) and index.name is None and "ds" not in frame.columns:
        return frame.rename_axis("ds").reset_index()
    named = [level for level in index.names if level is not None and level not in frame.columns]
    return frame.reset_index(level=named) if named else frame


def _array(series: nw.Series) -> np.ndarray:
    dtype = series.dtype
    if dtype == nw.Date:
        series, dtype = series.cast(nw.Datetime("us")), nw.Datetime("us")
    if isinstance(dtype, nw.Datetime):
        if dtype.time_zone is not None:
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return np.asarray(series.to_numpy()).astype(f"datetime64[{dtype.time_unit}]")
    if dtype.is_integer() and not series.is_null().any() and dtype not in (nw.UInt64, nw.Int128, nw.UInt128):
        return series.to_numpy().astype(np.int64)
    if dtype.is_numeric() or dtype == nw.Boolean:
        return np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
    if dtype in (nw.Categorical, nw.Enum):
        series = series.cast(nw.String)
    return _text(series)


def _text(series: nw.Series) -> np.ndarray:
    """Return text as Python strings; what is neither text nor missing is written out by ``str``."""
    missing = series.is_null().to_numpy()
    values = np.asarray(series.to_numpy(), dtype=object).copy()
    values[missing] = ""
    if series.dtype != nw.String:
        values[:] = ["" if value is None else str(value) for value in values]
    return values
