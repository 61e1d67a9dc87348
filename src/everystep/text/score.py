"""A score says what it is: its value, and how exactly it was reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from everystep.errors import DataError

References = Sequence[str] | Sequence[Sequence[str]]  # for each line one reference, or several


@dataclass(frozen=True)
class Score:
    """One figure.

    Args:
        metric: Its name.
        value: In per cent.
        signature: How it was reached: what has to be equal for two figures to be compared.
        details: The numbers that it was made of.
    """

    metric: str
    value: float
    signature: str
    details: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.metric} {self.value:.2f} ({self.signature})"


def alternatives(who: str, hypotheses: Sequence[str], references: References) -> list[tuple[str, ...]]:
    """Give the references of each line as a tuple.

    Raises:
        DataError: There is no line, a line has no reference, or the numbers of lines differ.
    """
    if isinstance(hypotheses, str) or isinstance(references, str):
        raise DataError(f"{who}: one text came; expected a list of lines on both sides.")
    if len(hypotheses) != len(references) or not len(hypotheses):
        raise DataError(
            f"{who}: {len(hypotheses):,} lines to score and {len(references):,} references; expected as many, not 0."
        )
    listed = [(one,) if isinstance(one, str) else tuple(one) for one in references]
    bare = next((number for number, one in enumerate(listed, start=1) if not one), None)
    if bare:
        raise DataError(f"{who}: line {bare} has no reference; expected one or more.")
    return listed


def macro(scores: Mapping[str, Score]) -> Score:
    """Average scores with equal weight, whatever the sizes behind them: one figure over several languages.

    Args:
        scores: A score of the same metric for each language, or other part.

    Raises:
        DataError: There is no score, or they are of different metrics.

    Example:
        >>> from everystep.text import macro, wer
        >>> print(macro({"bul": wer(["a", "b"], ["a", "c"]), "fre": wer(["d"], ["d"])}))
        WER 25.00 (macro average of bul, fre)
    """
    metrics = {score.metric for score in scores.values()}
    if len(metrics) != 1:
        raise DataError(
            f"macro: scores of {', '.join(sorted(metrics)) or 'nothing'} came; expected those of one metric."
        )
    values = {name: score.value for name, score in scores.items()}
    return Score(metrics.pop(), sum(values.values()) / len(values), f"macro average of {', '.join(values)}", values)
