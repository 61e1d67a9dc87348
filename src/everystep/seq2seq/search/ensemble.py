"""Several models searched as one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from everystep.errors import ArgumentError, ShapeError
from everystep.seq2seq.search.model import Model, Rows, Scores, rows_of


class Ensemble:
    r"""Several models as one: the mean of their probabilities, at every step.

    .. math:: \log p(v) = \log \frac{1}{K} \sum_{k=1}^{K} p_k(v)

    The models share the target's vocabulary and nothing else: cells, sizes and attention may differ. The memory of an
    ensemble is a tuple with that of each model. Attention is the mean over the models that have it.

    Args:
        models: One or more.

    Raises:
        ArgumentError: There is none.

    Example:
        >>> import torch
        >>> from everystep.seq2seq.search import Ensemble, Scores, greedy
        >>> class Bigrams:
        ...     def __init__(self, table): self.table = table
        ...     def start(self, memory): return None
        ...     def advance(self, state, symbols, memory): return Scores(self.table[symbols], None)
        >>> model = Bigrams(torch.randn(8, 8).log_softmax(1))
        >>> twice = greedy(Ensemble([model, model]), (None, None), torch.tensor([3]))
        >>> torch.equal(twice[0].symbols, greedy(model, None, torch.tensor([3]))[0].symbols)
        True
    """

    def __init__(self, models: Sequence[Model]) -> None:
        if not models:
            raise ArgumentError("Ensemble: models is empty; expected one or more.")
        self.models = tuple(models)

    def start(self, memory: tuple[Any, ...]) -> tuple[Any, ...]:
        """Give the state of each model.

        Raises:
            ArgumentError: There is not one memory for each model.
        """
        if not isinstance(memory, tuple) or len(memory) != len(self.models):
            raise ArgumentError(
                f"Ensemble: memory is {type(memory).__name__}; expected a tuple with that of each of "
                f"{len(self.models)} models."
            )
        return tuple(model.start(own) for model, own in zip(self.models, memory, strict=True))

    def advance(self, state: tuple[Any, ...], symbols: Tensor, memory: tuple[Any, ...]) -> Scores:
        """Take one step of each model.

        Raises:
            ShapeError: Their vocabularies differ.
        """
        each = zip(self.models, state, memory, strict=True)
        return _mean([Scores(*model.advance(of, symbols, own)) for model, of, own in each])

    @contextmanager
    def hold(self, memory: tuple[Any, ...], sentences: int, width: int) -> Iterator[Rows]:
        """Hold the rows of each model: see :class:`~everystep.seq2seq.search.model.Holder`."""
        self.start(memory)  # refuses what does not fit
        with ExitStack() as held:
            each = zip(self.models, memory, strict=True)
            yield _Together([held.enter_context(rows_of(model, own, sentences, width)) for model, own in each])


class _Together:
    """Rows of several models."""

    def __init__(self, each: Sequence[Rows]) -> None:
        self._each = each

    def advance(self, symbols: np.ndarray) -> Scores:
        """Run every model one step further."""
        return _mean([rows.advance(symbols) for rows in self._each])

    def keep(self, kept: np.ndarray, places: np.ndarray) -> None:
        """Go on with these rows of every model."""
        for rows in self._each:
            rows.keep(kept, places)


def _mean(told: Sequence[Scores]) -> Scores:
    """Take the mean of what models say."""
    sizes = {scores.log_probabilities.shape for scores in told}
    if len(sizes) > 1:
        raise ShapeError(
            f"Ensemble: models give log probabilities of shapes {sorted(map(tuple, sizes))}; expected one "
            "vocabulary for all."
        )
    summed = torch.stack([scores.log_probabilities for scores in told]).logsumexp(0)
    looked = [scores.attention for scores in told if scores.attention is not None]
    mean = sum(looked[1:], looked[0]) / len(looked) if looked else None
    return Scores(summed - math.log(len(told)), tuple(scores.state for scores in told), mean)
