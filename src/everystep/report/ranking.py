"""Who stands where: one order of the methods for every table and picture of the report."""

from __future__ import annotations

import math
from collections.abc import Callable

from everystep.forecast.results import Evaluation, Score

OWN = "everystep"


def ranked(evaluation: Evaluation) -> list[Score]:
    """Give the methods from the smallest error to the largest; those without a forecast come last."""
    error = measure(evaluation)[1]
    return sorted(
        evaluation.scores, key=lambda s: (s.failed or math.isnan(error(s)), error(s) if not s.failed else 0.0)
    )


def measure(evaluation: Evaluation) -> tuple[str, Callable[[Score], float]]:
    """Choose what to rank by: MASE, or MAE where no MASE is defined."""
    defined = any(math.isfinite(score.mase) for score in evaluation.scores if not score.failed)
    return ("MASE", lambda score: score.mase) if defined else ("MAE", lambda score: score.mae)


def best_rival(evaluation: Evaluation) -> str | None:
    """Name the best method that is not everystep; None where there is none."""
    rivals = [score.method for score in ranked(evaluation) if score.method != OWN and not score.failed]
    return rivals[0] if rivals else None
