"""What every HTML page of everystep is made with: the shell, charts, tables, one palette. Knows nothing of torch."""

from __future__ import annotations

from markupsafe import Markup, escape

from everystep.pages.alignment import alignment_chart
from everystep.pages.axes import Mark, date_ticks, draw_mark, log_ticks, name_below, number_ticks, plot_area
from everystep.pages.canvas import NARROW, WIDE, Screen, chart, figure_of, svg
from everystep.pages.charts import Band, Line, key, line_chart
from everystep.pages.dots import Dot, dot_chart
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
    "alignment_chart",
    "chart",
    "colour",
    "date_ticks",
    "dot_chart",
    "draw_mark",
    "embed",
    "escape",
    "facts",
    "figure_of",
    "heat_chart",
    "key",
    "label",
    "line_chart",
    "log_ticks",
    "name_below",
    "number",
    "number_ticks",
    "page",
    "plot_area",
    "svg",
    "table",
    "thin",
]
