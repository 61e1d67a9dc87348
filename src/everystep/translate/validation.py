"""Judge a model on the validation text: by its loss, and by a metric of what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from everystep.seq2seq import Seq2Seq
from everystep.text import METRICS, PairBatch, Pairs, ParallelText, in_groups, pad
from everystep.translate.fitted import Fitted, search
from everystep.translate.judging import judged

BATCH_SYMBOLS = 4096
WORST = 1000.0  # an error rate without bound counts as this
TIE = 1e-3  # of the loss, so that of two epochs with one figure the one with the lower loss is better


@dataclass(frozen=True)
class Validation:
    """Called after each epoch; lower is better.

    Args:
        fitted: The translator under training.
        pairs: The validation pairs, as numbers.
        text: The same pairs, as they were read.
    """

    fitted: Fitted
    pairs: Pairs
    text: ParallelText

    def __call__(self, model: Seq2Seq) -> dict[str, float]:
        """Give what is watched as ``validation``, and beside it the loss and the metric."""
        loss = self.loss(model)
        metric = self.fitted.choices.training.metric
        if metric in {None, "loss"}:
            return {"validation": loss, "validation_loss": loss}
        value = min(judged(str(metric), self.said(), self.text).value, WORST)
        error = 100 - value if METRICS[str(metric)].higher_is_better else value
        return {"validation": error + TIE * loss, "validation_loss": loss, str(metric): value}

    def loss(self, model: Seq2Seq) -> float:
        """Give the mean cross-entropy of a target symbol, in nats."""
        total, symbols = 0.0, 0
        longer = [max(len(one), len(other)) for one, other in zip(self.pairs.source, self.pairs.target, strict=True)]
        with torch.no_grad():
            for rows in in_groups(np.array(longer), BATCH_SYMBOLS):
                batch = _batch(self.pairs, rows)
                total -= float(model.score(batch).double().sum())
                symbols += int(batch.target_lengths.sum())
        return total / symbols

    def said(self) -> dict[str, str]:
        """Translate each distinct source."""
        target = self.fitted.vocabularies.target
        sources = dict(zip(self.text.source, self.pairs.source, strict=True))
        found = self.found(list(sources.values()))
        return {line: target.decode(symbols) for line, symbols in zip(sources, found, strict=True)}

    def found(self, sources: Sequence[np.ndarray]) -> list[list[int]]:
        """Search for the output of each source."""
        how = self.fitted.choices.search.model_copy(update={"beam": self.fitted.choices.training.valid_beam})
        return [best[0].symbols.tolist() for best in search([self.fitted], sources, how)]


def _batch(pairs: Pairs, rows: np.ndarray) -> PairBatch:
    return PairBatch(*pad([pairs.source[row] for row in rows]), *pad([pairs.target[row] for row in rows]))
