"""Greedy search: the likeliest symbol at every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from everystep.seq2seq.search.candidates import Candidates
from everystep.seq2seq.search.hypothesis import Hypothesis
from everystep.seq2seq.search.limits import Bounds, Limits, source_lengths
from everystep.seq2seq.search.loop import Live, Search, each_by_one
from everystep.seq2seq.search.model import Model
from everystep.seq2seq.search.ranking import Ranking
from everystep.seq2seq.search.spoken import Speaker, spoken


def greedy(
    model: Model,
    memory: Any,
    lengths: Tensor,
    *,
    limits: Limits | None = None,
    ranking: Ranking | None = None,
    prefix: Sequence[Sequence[int]] | None = None,
) -> list[Hypothesis]:
    """Say the likeliest symbol at every step; of equal ones the lower.

    Args:
        model: Anything with ``start`` and ``advance``, see :class:`Model`; a module has to be in evaluation mode.
        memory: What the model knows of the sources, one row for each.
        lengths: (sentences,) positions of each source.
        limits: What may be said.
        ranking: How the output is scored; it does not change what is said.
        prefix: Symbols with which each output has to begin, a list for each sentence.

    Returns:
        One hypothesis for each sentence.

    Raises:
        ArgumentError: Nothing that may be said has a probability above 0.
        ShapeError: The model, its state or memory have wrong axes.
        NonFiniteError: The model says NaN.

    Example:
        >>> import torch
        >>> from everystep.seq2seq.search import Limits, Scores, greedy
        >>> class Counting:  # says 4, 5, 6 and ends
        ...     def start(self, memory): return torch.full((1,), 4)
        ...     def advance(self, state, symbols, memory):
        ...         following = torch.where(state < 7, state, 3)
        ...         return Scores(torch.nn.functional.one_hot(following, 8).double().log(), state + 1)
        >>> greedy(Counting(), None, torch.tensor([3]))[0].symbols
        tensor([4, 5, 6])
    """
    sources = source_lengths(lengths)
    bounds = Bounds.of(limits or Limits(), sources, prefix)
    ranking = ranking or Ranking()
    found = spoken(model, memory, sources, bounds, ranking) if isinstance(model, Speaker) else None
    if found is not None:
        return found
    search = Search(each_by_one(_first), 1, 1, 1, 1, ranking)
    return [best for (best,) in search.run(model, memory, sources, bounds)]


def _first(found: Candidates, live: Live) -> np.ndarray:  # noqa: ARG001 - a way to pick is asked with both
    return found.log_probabilities.argmax(1)
