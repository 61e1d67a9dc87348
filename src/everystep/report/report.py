"""The page, section by section, in the order in which a reader asks."""

from __future__ import annotations

from pathlib import Path

from everystep.errors import RunError
from everystep.forecast.results import FitResult
from everystep.pages import Markup, label, page
from everystep.report.comparison import comparison_section
from everystep.report.fans import future_section, past_section
from everystep.report.gates import gates_part
from everystep.report.graph import graph_part
from everystep.report.settings import settings_section
from everystep.report.training import training_section
from everystep.train import atomic


def render(results: FitResult) -> str:
    """Make the report of a fit.

    Args:
        results: What the fit left behind.

    Returns:
        One self-contained HTML page: no network, no script.
    """
    sections = [
        _opening(results),
        future_section(results),
        past_section(results),
        comparison_section(results.evaluation),
        _cell(results),
        training_section(results.curves),
        settings_section(results),
    ]
    return page(f"Forecast of {label(results.title)}", Markup("\n").join(sections))


def write(results: FitResult, path: str | Path) -> Path:
    """Write the report of a fit to a file; a reader sees the old file or the new one, never half of it.

    Args:
        results: What the fit left behind.
        path: The file, for instance ``report.html``; its folder exists.

    Returns:
        The path.

    Raises:
        RunError: The file can't be written.
    """
    path = Path(path)
    with atomic.told(RunError, path, "Choose another place for the report."):
        atomic.write(path, render(results).encode("utf-8"))
    return path


def _opening(results: FitResult) -> Markup:
    judged = results.evaluation
    return Markup(
        '<header>\n<p class="eyebrow">everystep · forecast report</p>\n<h1>{title}</h1>\n'
        '<p class="lede">{verdict}</p>\n<p class="small quiet">{count}, {ahead}, {origins}, '
        'held back from <span class="whole">{first}</span> to <span class="whole">{last}</span>.</p>\n</header>'
    ).format(
        title=label(results.title, 90),
        verdict=label(judged.verdict, 400),
        count=_count(judged.series, "series", "series"),
        ahead=_count(judged.horizon, "step ahead", "steps ahead"),
        origins=_count(judged.origins, "origin each", "origins each"),
        first=label(judged.first, 24),
        last=label(judged.last, 24),
    )


def _cell(results: FitResult) -> Markup:
    return Markup("<section>\n<h2>Inside the cell</h2>\n{}{}</section>").format(
        gates_part(results), graph_part(results.cell)
    )


def _count(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"
