"""The metrics by name, for the command line and for choosing a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from everystep.errors import unknown
from everystep.text.edits import exact, per, wer
from everystep.text.overlap import bleu, chrf, tokenised_bleu
from everystep.text.score import References, Score


class Metric(NamedTuple):
    """A metric, and whether more of it is better."""

    function: Callable[[Sequence[str], References], Score]
    higher_is_better: bool


METRICS = {
    "bleu": Metric(bleu, higher_is_better=True),
    "tokenised-bleu": Metric(tokenised_bleu, higher_is_better=True),
    "chrf": Metric(chrf, higher_is_better=True),
    "exact": Metric(exact, higher_is_better=True),
    "wer": Metric(wer, higher_is_better=False),
    "per": Metric(per, higher_is_better=False),
}


def score(metric: str, hypotheses: Sequence[str], references: References) -> Score:
    """Score lines by a metric's name.

    Args:
        metric: One of ``METRICS``.
        hypotheses: The lines.
        references: One reference for each line, or several.

    Raises:
        UnknownNameError: There is no such metric.
        DataError: There is no line, or the numbers of lines differ.
        MissingExtraError: What computes it is not installed.

    Example:
        >>> from everystep.text import score
        >>> score("exact", ["a"], ["a"]).value
        100.0
    """
    if metric not in METRICS:
        raise unknown("score", "metric", metric, METRICS)
    return METRICS[metric].function(hypotheses, references)


def variants(source: Iterable[str], target: Iterable[str]) -> tuple[list[str], list[list[str]]]:
    """Put together what belongs to the same source: a word, and each of its pronunciations.

    Args:
        source: Lines, in which a source may come several times.
        target: The line that belongs to each.

    Returns:
        The distinct sources in the order in which they come, and the distinct references of each.

    Example:
        >>> from everystep.text import variants
        >>> variants(["abbe", "cat", "abbe"], ["AE B IY", "K AE T", "AE B EY"])
        (['abbe', 'cat'], [['AE B IY', 'AE B EY'], ['K AE T']])
    """
    found: dict[str, dict[str, None]] = {}  # dicts keep the order
    for one, other in zip(source, target, strict=True):
        found.setdefault(one, {})[other] = None
    return list(found), [list(references) for references in found.values()]
