"""By what finished hypotheses are ranked: log probability under penalties, and the most that a live one can reach."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from everystep.errors import ArgumentError, unknown

_LEAST_COVERED = 1e-10  # a position that was never looked at costs log of this, not infinity

LENGTH_PENALTIES: dict[str, Callable[[Any, float], Any]] = {  # none falls where n grows: the bound builds on it
    "none": lambda n, _: np.ones_like(n),
    "gnmt": lambda n, alpha: ((5 + n) / 6) ** alpha,
    "average": lambda n, alpha: n**alpha,
}


@dataclass(frozen=True)
class Ranking:
    r"""The score of a finished hypothesis Y of n symbols, END counted, for a source X.

    .. math:: s(Y) = \frac{\log P(Y \mid X)}{lp(n)} + \beta \sum_i \log \min\Big(\sum_j a_{ij},\ 1\Big)

    with :math:`lp(n) = 1` ("none"), :math:`((5 + n) / 6)^\alpha` ("gnmt") or :math:`n^\alpha` ("average", the mean log
    probability at α = 1); :math:`a_{ij}` is the attention that symbol j paid to position i.

    Args:
        length_penalty: "none", "gnmt" or "average".
        alpha: α, 0 to 10.
        coverage: β, 0 or more; 0 leaves coverage out. It needs a model with attention.

    Raises:
        UnknownNameError: The penalty is not known.
        ArgumentError: α or β is out of range.

    Example:
        >>> from everystep.seq2seq.search import Ranking
        >>> ranking = Ranking("gnmt", alpha=1.0)
        >>> float(ranking.score(-6.0, 7))
        -3.0

    Source: Wu et al. (2016), "Google's neural machine translation system", equation 14; there is no floor under a
    position's coverage there, here it is 1e-10.
    """

    length_penalty: str = "none"
    alpha: float = 1.0
    coverage: float = 0.0

    def __post_init__(self) -> None:
        if self.length_penalty not in LENGTH_PENALTIES:
            raise unknown("Ranking", "length_penalty", self.length_penalty, LENGTH_PENALTIES)
        for name, value, largest in (("alpha", self.alpha, 10), ("coverage", self.coverage, math.inf)):
            if not (0 <= value <= largest and math.isfinite(value)):
                raise ArgumentError(f"Ranking: {name} is {value!r}; expected a number from 0 to {largest}.")

    def score(self, log_probability: Any, n: Any, covered: np.ndarray | None = None) -> np.ndarray:
        """Score finished hypotheses.

        Args:
            log_probability: Of all n symbols, (...).
            n: Symbols, END counted, 1 or more.
            covered: Sums of attention at each position, (..., positions), NaN where there is no position.
        """
        score = np.asarray(log_probability) / self._divisor(n)
        if covered is None:
            return score
        logs = np.log(np.clip(covered, _LEAST_COVERED, 1.0))  # (..., positions)
        return score + self.coverage * np.nansum(logs, axis=-1)

    def bound(self, log_probability: np.ndarray, longest: np.ndarray) -> np.ndarray:
        """Give the most that live hypotheses can still score, whatever the model will say.

        Proof: let L ≤ 0 be the log probability of a live hypothesis. Every symbol to come adds a number ≤ 0, so the
        finished one has L' ≤ L. Its n is at most ``longest``, and lp does not fall with n, so 0 < lp(n) ≤ lp(longest);
        L' ≤ 0 divided by the smaller divisor is the smaller number: L' / lp(n) ≤ L' / lp(longest) ≤ L / lp(longest).
        The coverage term is β ≥ 0 times a sum of logarithms of numbers ≤ 1, so it is ≤ 0. Division, clipping and
        addition of a number ≤ 0 keep these orders under rounding too. Therefore a sentence whose n-best list is full
        of scores that are no worse than this bound is finished: nothing alive can enter the list (at equal scores
        what was found first stays).

        Args:
            log_probability: Of the symbols so far.
            longest: The most symbols it may have in the end, END counted.
        """
        return log_probability / self._divisor(longest)

    def _divisor(self, n: Any) -> np.ndarray:
        return LENGTH_PENALTIES[self.length_penalty](np.asarray(n, dtype=np.float64), self.alpha)
