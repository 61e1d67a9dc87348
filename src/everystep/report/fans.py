"""Forecast fans: the median, its 80% band, what came, and the best of the others for comparison."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from everystep.forecast.results import Evaluation, Fan, FitResult
from everystep.pages import Band, Line, Mark, Markup, label, line_chart, number
from everystep.report.ranking import OWN, best_rival

MOST_FANS = 4
HISTORY_PER_HORIZON = 3
LEAST_HISTORY = 48


def past_section(results: FitResult) -> Markup:
    """Show forecasts of the held-back stretch against what came."""
    fans = results.evaluation.fans
    if not fans:
        return Markup("")
    rival = best_rival(results.evaluation)
    return Markup("<section>\n<h2>Forecast against truth</h2>\n<p>{}</p>\n{}</section>").format(
        "Each forecast starts from what was known at its origin; the truth after it was held back from the fit. "
        "The band is meant to hold the truth four times in five." + _left_out(fans),
        _charts(fans, results.evaluation, rival),
    )


def future_section(results: FitResult) -> Markup:
    """Show the forecast from the end of the data."""
    if not results.future:
        return Markup("")
    return Markup("<section>\n<h2>What comes next</h2>\n{}{}</section>").format(
        Markup("<p>{}</p>\n").format(_left_out(results.future).strip()) if len(results.future) > MOST_FANS else "",
        _charts(results.future, results.evaluation, None),
    )


def _charts(fans: Sequence[Fan], evaluation: Evaluation, rival: str | None) -> Markup:
    return Markup("").join(
        fan_chart(fan, evaluation, rival, heights=(320, 280) if place == 0 else (240, 220))
        for place, fan in enumerate(_chosen(fans))
    )


def fan_chart(fan: Fan, evaluation: Evaluation, rival: str | None, heights: tuple[int, int] = (320, 280)) -> Markup:
    """Draw one fan.

    Args:
        fan: The forecast.
        evaluation: Says how long a season and the horizon are, to choose how much of the past to show.
        rival: Another method to draw beside it; None for none.
        heights: Pixels of the wide and the narrow drawing.

    Returns:
        The ``<figure>`` element.
    """
    keep = max(HISTORY_PER_HORIZON * len(fan.times), 2 * evaluation.season, LEAST_HISTORY)
    times, history = fan.history_times[-keep:], fan.history[-keep:]
    # Every line starts at the origin, from the last known value.
    ahead = np.concatenate([times[-1:], fan.times])
    low, median, high = (np.concatenate([history[-1:], part]) for part in (fan.low, fan.median, fan.high))
    lines = [Line("", times, history, role="truth")]
    if rival is not None and rival in fan.others:
        lines.append(Line(rival, ahead, np.concatenate([history[-1:], fan.others[rival]]), dash="dashed"))
    if fan.truth is not None:
        lines.append(Line("truth", ahead, np.concatenate([history[-1:], fan.truth]), role="truth"))
    lines.append(Line(OWN, ahead, median, role="forecast", weight=2.2))
    return line_chart(
        lines,
        bands=[Band("80% band", ahead, low, high)],
        marks=[Mark(times[-1], "origin")],
        title=f"Forecast of {label(fan.id, 40)}",
        alt=_alt(fan),
        y_name=fan.target,
        heights=heights,
        heading=_heading(fan),
    )


def _heading(fan: Fan) -> str:
    origin = _time(fan.history_times[-1])
    return f"From {origin}" if fan.id == fan.target else f"{label(fan.id, 50)}, from {origin}"


def _alt(fan: Fan) -> str:
    band = f"80% band {number(fan.low[-1])} to {number(fan.high[-1])}"
    came = "" if fan.truth is None else f"; the truth there was {number(fan.truth[-1])}"
    ahead = f"{len(fan.times)} steps ahead: {number(fan.median[-1])}, {band}"
    return f"Median forecast of {label(fan.target, 40)}, {ahead}{came}."


def _time(time: object) -> str:
    """Write a time without the zeros of a clock that does not matter."""
    text = str(np.datetime_as_string(time, unit="s")) if isinstance(time, np.datetime64) else str(time)
    return text.removesuffix("T00:00:00").removesuffix(":00").replace("T", " ")


def _chosen(fans: Sequence[Fan]) -> list[Fan]:
    """Take fans spread evenly over all there are, the first and the last among them."""
    if len(fans) <= MOST_FANS:
        return list(fans)
    return [fans[int(place)] for place in np.linspace(0, len(fans) - 1, MOST_FANS).round()]


def _left_out(fans: Sequence[Fan]) -> str:
    return f" {MOST_FANS} of {len(fans):,} are shown, evenly chosen." if len(fans) > MOST_FANS else ""
