"""What a model thinks of outputs that are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from everystep.seq2seq.search.hypothesis import Hypothesis
from everystep.seq2seq.search.limits import Bounds, padded, source_lengths
from everystep.seq2seq.search.loop import Search, each_by_one
from everystep.seq2seq.search.model import Model
from everystep.seq2seq.search.ranking import Ranking


def force(
    model: Model,
    memory: Any,
    lengths: Tensor,
    outputs: Sequence[Sequence[int]],
    *,
    ranking: Ranking | None = None,
) -> list[Hypothesis]:
    """Score outputs that are given, with the attention that the model pays as it says them.

    Args:
        model: Anything with ``start`` and ``advance``, see :class:`Model`; a module has to be in evaluation mode.
        memory: What the model knows of the sources, one row for each.
        lengths: (sentences,) positions of each source.
        outputs: The symbols of each, without BEGIN and END.
        ranking: How they are scored.

    Returns:
        One hypothesis for each sentence, END after each output: what a search that found it would return.

    Raises:
        ArgumentError: There is not one output for each sentence, or it has probability 0.
        ShapeError: The model, its state or memory have wrong axes.
        NonFiniteError: The model says NaN.

    Example:
        >>> import torch
        >>> from everystep.seq2seq.search import Scores, force
        >>> class Fair:  # each of 4 symbols, always
        ...     def start(self, memory): return None
        ...     def advance(self, state, symbols, memory):
        ...         return Scores(torch.full((len(symbols), 4), 0.25).log(), None)
        >>> round(force(Fair(), None, torch.tensor([2]), [[1, 1]])[0].log_probability, 4)  # 3 log 1/4
        -4.1589
    """
    sources = source_lengths(lengths)
    longest = np.array([len(output) for output in outputs], dtype=np.int64)
    bounds = Bounds(longest, longest, padded(outputs, longest, len(sources)))
    search = Search(each_by_one(lambda found, _: np.zeros(len(found.symbols), int)), 1, 1, 1, 1, ranking or Ranking())
    return [found[0] for found in search.run(model, memory, sources, bounds)]
