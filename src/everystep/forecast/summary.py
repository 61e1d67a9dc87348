"""A fit in plain values: what ``metrics.json`` holds and ``--json`` prints."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from everystep.forecast.fitting import Fit
from everystep.forecast.results import FitResult

FIGURES = ("mae", "rmse", "mase", "smape", "quantile_loss", "coverage", "seconds")


def summary(result: FitResult, fit: Fit) -> dict[str, Any]:
    """Describe a fit in values that JSON can hold; a figure that does not exist is null.

    Args:
        result: What the fit left behind.
        fit: The fit.

    Returns:
        Title, verdict, winner, table, validation beside Model 2's, losses, settings, notes and seconds.
    """
    judged = result.evaluation
    return {
        "title": result.title,
        "verdict": judged.verdict,
        "winner": judged.winner,
        "table": [_row(score) for score in judged.scores],
        "origins": judged.origins,
        "series": judged.series,
        "held_back": {"first": judged.first, "last": judged.last},
        "horizon": judged.horizon,
        "season": judged.season,
        "freq": result.settings["freq"],
        "validation": {
            "everystep": asdict(fit.validation),
            "model2": asdict(fit.model2),
            "relative": fit.validation.ratio_to(fit.model2),
        },
        "curves": {
            "epochs": [int(e) for e in result.curves.epochs],
            "train": [_plain(v) for v in result.curves.train],
            "validation": [_plain(v) for v in result.curves.validation],
            "best": result.curves.best,
        },
        "parameters": result.parameters,
        "settings": dict(result.settings),
        "notes": list(result.notes),
        "seconds": round(result.seconds, 3),
    }


def _row(score: Any) -> dict[str, Any]:
    figures = {name: _plain(getattr(score, name)) for name in FIGURES}
    steps = [_plain(v) for v in score.error_by_step]
    return {"method": score.method, **figures, "note": score.note, "failed": score.failed, "error_by_step": steps}


def _plain(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
