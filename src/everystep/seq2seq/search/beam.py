"""Beam search: the few likeliest hypotheses side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from everystep.errors import ArgumentError, check_whole
from everystep.seq2seq.search.candidates import Candidates
from everystep.seq2seq.search.hypothesis import Hypothesis
from everystep.seq2seq.search.limits import Bounds, Limits, source_lengths
from everystep.seq2seq.search.loop import Grown, Live, Search
from everystep.seq2seq.search.model import Model
from everystep.seq2seq.search.ranking import Ranking


def beam(
    model: Model,
    memory: Any,
    lengths: Tensor,
    *,
    width: int = 5,
    n_best: int = 1,
    limits: Limits | None = None,
    ranking: Ranking | None = None,
    prefix: Sequence[Sequence[int]] | None = None,
) -> list[list[Hypothesis]]:
    """Search for the best outputs of each sentence, ``width`` hypotheses at a time.

    A sentence has ``width`` places. At every step all its live hypotheses branch into every symbol, and the likeliest
    branches take the places that are free; one that ends keeps its place for good. A sentence is done when no place
    is free, or when nothing alive can still enter its list of the n best (:meth:`Ranking.bound` has the proof), so
    stopping early changes no result. Width 1 is :func:`greedy`. The same sentence gives the same output alone and in
    any batch; at equal scores comes first the branch of the better parent, then that of the lower symbol.

    Args:
        model: Anything with ``start`` and ``advance``, see :class:`Model`; a module has to be in evaluation mode.
        memory: What the model knows of the sources, one row for each.
        lengths: (sentences,) positions of each source.
        width: Hypotheses at a time, 1 or more.
        n_best: Hypotheses returned for each sentence, at most ``width``.
        limits: What may be said.
        ranking: How finished hypotheses are scored.
        prefix: Symbols with which each output has to begin, a list for each sentence.

    Returns:
        For each sentence its hypotheses, best first; fewer than ``n_best`` only where there are no more.

    Raises:
        ArgumentError: A number is out of range, or nothing that may be said has a probability above 0.
        ShapeError: The model, its state or memory have wrong axes.
        NonFiniteError: The model says NaN.

    Example:
        >>> import torch
        >>> from everystep.seq2seq.search import Scores, beam
        >>> class Bigrams:
        ...     def __init__(self, table): self.table = table
        ...     def start(self, memory): return None
        ...     def advance(self, state, symbols, memory): return Scores(self.table[symbols], None)
        >>> model = Bigrams(torch.randn(8, 8, generator=torch.Generator().manual_seed(0)).log_softmax(1))
        >>> first, second = beam(model, None, torch.tensor([3]), width=4, n_best=2)[0]
        >>> first.score >= second.score
        True

    Source: Sutskever, Vinyals & Le (2014), "Sequence to sequence learning with neural networks", section 3.2.
    """
    for name, value in (("width", width), ("n_best", n_best)):
        check_whole("beam", name, value)
    if n_best > width:
        raise ArgumentError(f"beam: n_best is {n_best} and width {width}; expected no more than width: raise width.")
    sources = source_lengths(lengths)
    bounds = Bounds.of(limits or Limits(), sources, prefix)
    search = Search(_likeliest_branches, width, 1, width, n_best, ranking or Ranking())
    return search.run(model, memory, sources, bounds)


def _likeliest_branches(found: Candidates, live: Live) -> Grown:
    """Give the free places of each sentence to its likeliest branches."""
    sentences, width = live.total.shape
    own, symbols = _by_place(found, live)
    count = own.shape[1]
    total = (live.total.reshape(-1, 1) + own).reshape(sentences, width * count)
    branch = (-total).argsort(axis=1, kind="stable")[:, :width]  # (sentences, width)
    sentence = np.arange(sentences)[:, None]
    total = total[sentence, branch]
    if (live.room < width).any():
        total[np.arange(width) >= live.room[:, None]] = -np.inf
    parent, rank = sentence * width + branch // count, branch % count
    return Grown(total, parent, symbols[parent, rank], own[parent, rank])


def _by_place(found: Candidates, live: Live) -> Candidates:
    """Candidates of every place, (places, candidates): -inf where none lives."""
    places = live.total.size
    if len(live.places) == places:
        return found
    own = np.full((places, found.symbols.shape[1]), -np.inf)
    symbols = np.zeros(own.shape, dtype=np.int64)
    own[live.places], symbols[live.places] = found
    return Candidates(own, symbols)
