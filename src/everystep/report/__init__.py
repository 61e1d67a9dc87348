"""The report of a fit: one HTML page that says who won, shows the forecasts, and opens the cell."""

from __future__ import annotations

from everystep.report.report import render, write

__all__ = ["render", "write"]
