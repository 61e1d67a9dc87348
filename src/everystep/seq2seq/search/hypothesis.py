"""What a search finds."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Hypothesis(NamedTuple):
    """One output of a model for one sentence."""

    symbols: Tensor  # (length,) whole numbers on the CPU, without BEGIN and END
    score: float  # what it is ranked by: log_probability under the penalties
    log_probability: float  # of the symbols and the END after them
    steps: Tensor  # (length + 1,) float64, the log probability of each symbol; END is the last
    attention: Tensor | None  # (length + 1, positions of the source), where the model looked before each symbol
    cut: bool  # it is as long as it may be, so END had to follow
