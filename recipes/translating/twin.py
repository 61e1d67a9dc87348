"""The twin of a recipe's first seed: the same model written by hand with layers of torch.nn.

It has the same first weights, the same batches, optimiser and epochs, and is chosen by the same validation; only what
computes is another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.translating.plain import Plain, alike
from benchmarks.translating.plain_search import beam
from everystep.text import ParallelText, encode_pairs, in_groups, pad
from everystep.train import Run, train
from everystep.translate.fitted import Fitted
from everystep.translate.fitting import config_of, settings_of, untrained
from everystep.translate.judging import judged
from everystep.translate.reads import count_reads
from everystep.translate.taught import Taught, TaughtBatches
from everystep.translate.validation import Validation
from recipes.rows import Row
from recipes.translating.recipe import Recipe, Texts
from recipes.translating.run import written

TWIN = "torch.nn"  # what stands in the place of a seed
BATCH_SYMBOLS = 4096  # of sources that are translated together


@dataclass(frozen=True)
class ByHand(Validation):
    """Judges by what the twin says.

    Attributes:
        plain: The twin.
        width: Hypotheses at a time.
    """

    plain: Plain
    width: int

    def found(self, sources: Sequence[np.ndarray]) -> list[list[int]]:
        """Search by hand for the output of each source."""
        limits, said = self.fitted.limits(self.fitted.choices.search), dict[int, list[int]]()
        for rows in in_groups(np.array([len(one) for one in sources]), BATCH_SYMBOLS // self.width):
            numbers, lengths = pad([sources[row] for row in rows])
            longest = torch.tensor([limits.longest(int(length)) for length in lengths])
            best = beam(self.plain, numbers, lengths, longest, list(limits.forbidden), self.width)
            said |= zip(rows.tolist(), (one.symbols for one in best), strict=True)
        return [said[row] for row in range(len(sources))]


def fitted_twin(name: str, recipe: Recipe, read: Texts, folder: Path) -> Row:
    """Fit the twin, or go on with it, and score it.

    Args:
        name: Of the recipe.
        recipe: The recipe.
        read: Its texts.
        folder: Where models are kept.
    """
    directory = folder / f"{name}-{TWIN}"
    fitted, pairs = untrained(read.train, read.valid, recipe.choices(0))
    plain, training = twin_of(fitted), fitted.choices.training
    validation = judge(fitted, read.valid, plain, training.valid_beam)
    batches, settings = TaughtBatches(pairs, training), settings_of(fitted.choices)
    trained = train(plain, _loss, batches, settings, validate=validation, run=Run(directory))
    figures = validation(plain.eval())
    tests = {test: judge(fitted, text, plain, fitted.choices.search.beam) for test, text in read.tests.items()}
    return {
        "recipe": name,
        "seed": TWIN,
        "settings": recipe.settled(0),
        "parameters": sum(one.numel() for one in plain.parameters()),
        "epochs": len(trained.history),
        "best_epoch": trained.best_epoch,
        "seconds": round(trained.seconds, 3),
        "figures": figures,
        "tests": {
            test: _scored(recipe, one, folder / "texts" / f"{name}-{test}", directory) for test, one in tests.items()
        },
    }


def twin_of(fitted: Fitted) -> Plain:
    """Write the model by hand, with the weights that it has."""
    return alike(fitted.model, config_of(fitted.choices, fitted.vocabularies))


def judge(fitted: Fitted, text: ParallelText, plain: Plain, width: int) -> ByHand:
    """Make what judges a twin by a text."""
    return ByHand(fitted, encode_pairs(text, *fitted.vocabularies), text, plain, width)


def _loss(model: Plain, batch: Taught) -> Tensor:
    return model.loss(batch.pairs)


def _scored(recipe: Recipe, test: ByHand, stem: Path, directory: Path) -> dict[str, float]:
    """Score by a test text, and count the reading."""
    said = test.said()
    scores = {metric: judged(metric, said, test.text) for metric in recipe.metrics}
    reads = 1 + count_reads([directory], written(test.text, stem), scores, test.width)
    return {metric: score.value for metric, score in scores.items()} | {"reads": reads}
