"""A fitted translator: the model, its vocabularies, and how it was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from everystep.errors import ArgumentError
from everystep.seq2seq import Seq2Seq
from everystep.seq2seq.search import Ensemble, Hypothesis, Limits, Ranking, beam, greedy
from everystep.text import BEGIN, PAD, UNKNOWN, Pairs, in_groups, pad
from everystep.translate.choices import Choices, Searching
from everystep.translate.vocabularies import Vocabularies

BATCH_SYMBOLS, MOST_LINES = 4096, 64  # of lines that are translated together; their beams come on top


@dataclass(frozen=True)
class Fitted:
    """What translating needs.

    Attributes:
        model: The module, in evaluation mode.
        vocabularies: Its symbols.
        choices: How it was made, with everything that was left open filled in.
        longest: Most symbols of an output.
        factor: Most symbols of an output for each symbol of the source.
    """

    model: Seq2Seq
    vocabularies: Vocabularies
    choices: Choices
    longest: int
    factor: float

    def limits(self, search: Searching) -> Limits:
        """Give what an output may be."""
        forbidden = (PAD, BEGIN) if search.unknown else (PAD, BEGIN, UNKNOWN)
        return Limits(maximum=self.longest, maximum_factor=self.factor, block=search.block, forbidden=forbidden)


def bounds_of(pairs: Pairs) -> tuple[int, float]:
    """Learn from the training pairs how long an output may be: half as long again as what was seen."""
    lengths = np.array([[len(one), len(other)] for one, other in zip(pairs.source, pairs.target, strict=True)])
    most = int(np.ceil(1.5 * lengths[:, 1].max())) + 4
    return most, float(np.ceil(1.5 * (lengths[:, 1] / lengths[:, 0]).max())) + 1.0


def search(
    fitted: Sequence[Fitted], sources: Sequence[np.ndarray], how: Searching, n_best: int = 1
) -> list[list[Hypothesis]]:
    """Search for the outputs of encoded lines; several models are an ensemble.

    Args:
        fitted: The models; the first one's limits hold.
        sources: Each (length,), with the end symbol.
        how: Beam, penalties and the like.
        n_best: Outputs for each line.

    Returns:
        For each line its hypotheses, best first.
    """
    found: dict[int, list[Hypothesis]] = {}
    lengths = np.array([len(source) for source in sources], dtype=np.int64)
    for group in in_groups(lengths, BATCH_SYMBOLS, MOST_LINES):
        rows = group.tolist()
        found |= zip(rows, _search_batch(fitted, [sources[row] for row in rows], how, n_best), strict=True)
    return [found[row] for row in range(len(sources))]


@torch.no_grad()
def _search_batch(fitted: Sequence[Fitted], sources: list[Any], how: Searching, n_best: int) -> list[list[Hypothesis]]:
    numbers, lengths = pad(sources)
    ranking = Ranking(how.length_penalty, how.alpha, how.coverage)
    model, memory = _together(fitted, numbers, lengths)
    settings = {"limits": fitted[0].limits(how), "ranking": ranking}
    if how.beam == 1 and n_best == 1:
        return [[one] for one in greedy(model, memory, lengths, **settings)]
    return beam(model, memory, lengths, width=max(how.beam, n_best), n_best=n_best, **settings)


def _together(fitted: Sequence[Fitted], numbers: torch.Tensor, lengths: torch.Tensor) -> tuple[Any, Any]:
    memories = tuple(one.model.encode(numbers, lengths) for one in fitted)
    if len(fitted) == 1:
        return fitted[0].model, memories[0]
    return Ensemble([one.model for one in fitted]), memories


def check_alike(fitted: Sequence[Fitted], names: Sequence[str]) -> None:
    """Refuse to make an ensemble of models with different symbols.

    Raises:
        ArgumentError: A model has other vocabularies than the first.
    """
    for one, name in zip(fitted[1:], names[1:], strict=True):
        for side in ("source", "target"):
            if getattr(one.vocabularies, side) != getattr(fitted[0].vocabularies, side):
                raise ArgumentError(
                    f"Translator: {name} has another {side} vocabulary than {names[0]}; expected models of the same "
                    "training text with the same [text] settings."
                )
