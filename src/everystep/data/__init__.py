"""From a CSV or Parquet file, or a pandas, polars or Arrow frame, to checked, evenly spaced series."""

from __future__ import annotations

from everystep.data.frequency import Frequency, future_times
from everystep.data.future import read_future
from everystep.data.like import read_panel_like
from everystep.data.output import forecast_frame
from everystep.data.panel import read_panel
from everystep.data.schema import Schema
from everystep.data.series import Panel, Series

__all__ = [
    "Frequency",
    "Panel",
    "Schema",
    "Series",
    "forecast_frame",
    "future_times",
    "read_future",
    "read_panel",
    "read_panel_like",
]
