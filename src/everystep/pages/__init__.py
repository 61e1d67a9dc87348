"""What every HTML page of everystep is made with: the shell, charts, tables, one palette. Knows nothing of torch."""

from __future__ import annotations

from markupsafe import Markup, escape

from everystep.pages.canvas import NARROW, WIDE, Screen, chart, date_ticks, name_below, number_ticks, plot_area, svg
from everystep.pages.charts import Band, Dot, Line, Mark, dot_chart, line_chart
from everystep.pages.heat import Panel, heat_chart
from everystep.pages.labels import label
from everystep.pages.numerals import number
from everystep.pages.palette import ROLES, colour
from everystep.pages.shell import page
from everystep.pages.svg import embed
from everystep.pages.table import Column, facts, table
from everystep.pages.thin import thin

__all__ = [
    "NARROW",
    "ROLES",
    "WIDE",
    "Band",
    "Column",
    "Dot",
    "Line",
    "Mark",
    "Markup",
    "Panel",
    "Screen",
    "chart",
    "colour",
    "date_ticks",
    "dot_chart",
    "embed",
    "escape",
    "facts",
    "heat_chart",
    "label",
    "line_chart",
    "name_below",
    "number",
    "number_ticks",
    "page",
    "plot_area",
    "svg",
    "table",
    "thin",
]
