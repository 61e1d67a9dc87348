"""Hold what was said of a text against what is right there."""

from __future__ import annotations

from collections.abc import Mapping

from everystep.text import ParallelText, Score, score, variants

ANY_OF_SEVERAL = ("wer", "per", "exact")  # metrics for which a source may have several right answers


def judged(metric: str, said: Mapping[str, str], text: ParallelText) -> Score:
    """Score by a metric what was said.

    Args:
        metric: A name in ``everystep.text.METRICS``.
        said: What was said of each distinct source.
        text: The sources and what is right; a source that stands there several times has several right answers, where
            the metric can know of them.
    """
    if metric in ANY_OF_SEVERAL:
        sources, references = variants(text.source, text.target)
    else:
        sources, references = text.source, text.target
    return score(metric, [said[source] for source in sources], references)
