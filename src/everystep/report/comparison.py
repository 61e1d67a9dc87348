"""The comparison: a picture of the ranking, the table behind it, and the errors at each step ahead."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from everystep.forecast.results import Evaluation, Score
from everystep.pages import Column, Dot, Line, Mark, Markup, dot_chart, label, line_chart, number, table
from everystep.report.ranking import OWN, measure, ranked

MOST_RIVALS = 4  # as many as there are dashes
MOST_POINTS = 120
PROMISED = 0.8  # what the band is meant to hold
_DASHES = ("solid", "dashed", "dotted", "dashdot")


def comparison_section(evaluation: Evaluation) -> Markup:
    """Show every method on the same held-back origins."""
    return Markup("<section>\n<h2>Who was closest</h2>\n<p>{}</p>\n{}{}{}{}</section>").format(
        "Every method forecast the same held-back stretch from the same origins. MASE is the absolute error over "
        "that of repeating the last season within the data known: below 1 is better than that.",
        _ranking(evaluation),
        score_table(evaluation),
        _remarks(evaluation),
        _by_step(evaluation),
    )


def _ranking(evaluation: Evaluation) -> Markup:
    name, error = measure(evaluation)
    shown = [score for score in ranked(evaluation) if not score.failed and math.isfinite(error(score))]
    if not shown:
        return Markup("")
    largest = max(error(score) for score in shown)
    one = Mark(1.0, "as last season") if name == "MASE" and largest > 1 else None
    return dot_chart(
        [Dot(s.method, error(s), number(error(s)), role="forecast" if s.method == OWN else "baseline") for s in shown],
        title=f"{name} by method",
        alt="; ".join(f"{label(score.method, 40)} {number(error(score))}" for score in shown),
        x_name=f"{name}, smaller is better",
        mark=one,
    )


def score_table(evaluation: Evaluation) -> Markup:
    """Write the table of every method and every figure, the smallest error first."""
    rows = ranked(evaluation)
    columns = [
        Column("method"),
        Column("MASE", best=min),
        Column("MAE", best=min),
        Column("RMSE", best=min),
        Column("sMAPE", best=min),
        Column("quantile loss", best=min),
        Column("in 80% band", best=_nearest_promise, write=_percents),
        Column("seconds", write=_seconds),
    ]
    cells = [[s.method, s.mase, s.mae, s.rmse, s.smape, s.quantile_loss, s.coverage, s.seconds] for s in rows]
    used = [i for i in range(len(columns)) if i == 0 or any(_known(row[i]) for row in cells)]
    own = [place for place, score in enumerate(rows) if score.method == OWN]
    return table([columns[i] for i in used], [[row[i] for i in used] for row in cells], own=own)


def _remarks(evaluation: Evaluation) -> Markup:
    remarks = [f"{label(s.method)}: {label(s.note, 200)}" for s in evaluation.scores if s.note or s.failed]
    line = "The star marks the best figure of a column; for the band, the one nearest to 80%."
    return Markup('<p class="small quiet">{}</p>\n').format(" ".join([line, *(f"{r.rstrip('.: ')}." for r in remarks)]))


def _by_step(evaluation: Evaluation) -> Markup:
    drawable = [score for score in ranked(evaluation) if not score.failed and len(score.error_by_step) > 1]
    rivals = [score for score in drawable if score.method != OWN][:MOST_RIVALS]
    shown = [score for score in drawable if score.method == OWN or score in rivals]
    if not shown:
        return Markup("")
    length = block_length(evaluation.horizon)
    errors = np.concatenate([np.asarray(score.error_by_step) for score in shown])
    errors = errors[np.isfinite(errors) & (errors > 0)]
    return line_chart(
        _step_lines(shown),
        title="Error by step ahead",
        alt="Mean absolute error at each step ahead: " + "; ".join(map(_first_and_last, shown)),
        y_name="mean absolute error",
        x_name="steps ahead",
        log=bool(len(errors)) and bool(errors.max() > 20 * errors.min()),
        heading="How the error grows with the distance",
        caption=" ".join(_said(length, left_out=len(drawable) - len(shown))),
    )


def _said(length: int, left_out: int) -> Iterator[str]:
    if left_out:
        yield f"The {left_out} methods with larger errors are left out."
    if length > 1:
        yield f"Each point is the mean over {length} steps."


def _step_lines(scores: Sequence[Score]) -> list[Line]:
    """Draw everystep in its colour and on top, the others apart by their dashes."""
    lines = []
    for place, score in reversed(list(enumerate(scores))):
        own = score.method == OWN
        dash, role, weight = ("solid", "forecast", 2.4) if own else (_DASHES[place % len(_DASHES)], "baseline", 1.4)
        lines.append(Line(score.method, *_blocks(score.error_by_step), role=role, dash=dash, weight=weight))
    return sorted(lines, key=lambda line: line.role == "forecast")


def _blocks(errors: Sequence[float]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Average a long horizon over blocks of steps: the steps at their middles, and the means."""
    length = block_length(len(errors))
    parts = np.split(np.asarray(errors, dtype=float), range(length, len(errors), length))
    middles = np.arange(len(parts)) * length + (1 + np.array([len(part) for part in parts])) / 2
    return (middles.astype(int) if length == 1 else middles), np.array([part.mean() for part in parts])


def block_length(horizon: int) -> int:
    """Give the steps averaged in one point of the error curve: 1 unless the horizon is long."""
    return 1 if horizon <= MOST_POINTS else math.ceil(horizon / MOST_POINTS * 2)


def _first_and_last(score: Score) -> str:
    return f"{label(score.method, 40)} {number(score.error_by_step[0])} to {number(score.error_by_step[-1])}"


def _nearest_promise(shares: Sequence[float]) -> float:
    return min(shares, key=lambda share: abs(share - PROMISED))


def _percents(shares: Sequence[float | None]) -> list[str]:
    return [f"{share:.0%}" if share is not None and _known(share) else "–" for share in shares]


def _seconds(values: Sequence[float | None]) -> list[str]:
    return ["–" if v is None or not _known(v) else _second(v) for v in values]


def _second(value: float) -> str:
    if value < 0.05:
        return "< 0.1"
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}"


def _known(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, int | float) and math.isfinite(value))
