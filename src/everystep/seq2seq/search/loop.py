"""The loop that every search shares: run the model, choose how hypotheses go on, keep what is finished."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from everystep.seq2seq.search.candidates import Candidates, candidates
from everystep.seq2seq.search.finished import Finished
from everystep.seq2seq.search.hypothesis import Hypothesis
from everystep.seq2seq.search.limits import Bounds
from everystep.seq2seq.search.model import Model, Rows, first_symbols, rows_of
from everystep.seq2seq.search.ranking import Ranking
from everystep.seq2seq.search.tree import Layer, Tree
from everystep.text.symbols import END


class Grown(NamedTuple):
    """How the hypotheses of every sentence go on: (sentences, width) each."""

    total: np.ndarray  # log probability of the whole, -inf where nothing is
    parent: np.ndarray  # the place it comes from, counted over all sentences
    symbol: np.ndarray
    log_probability: np.ndarray  # of the symbol


class Live(NamedTuple):
    """The hypotheses that are alive. Each sentence has ``width`` places; a place is counted over all sentences."""

    total: np.ndarray  # (sentences, width) log probability, -inf where none lives
    places: np.ndarray  # (rows,) the place of each row of the model, rising
    room: np.ndarray  # (sentences,) places that no finished hypothesis holds


Choose = Callable[[Candidates, Live], Grown]


@dataclass(frozen=True)
class Search:
    """One search: what is kept, what may be said, and how a step is chosen.

    Attributes:
        choose: How hypotheses go on.
        width: Places of each sentence.
        begin: How many of them are alive before the first symbol.
        count: How many candidates of a row are looked at; ``None`` for all.
        n_best: Hypotheses returned for each sentence.
    """

    choose: Choose
    width: int
    begin: int
    count: int | None
    n_best: int
    ranking: Ranking

    @torch.no_grad()
    def run(self, model: Model, memory: Any, sources: np.ndarray, bounds: Bounds) -> list[list[Hypothesis]]:
        """Search for the outputs of every sentence.

        Args:
            model: The model.
            memory: What it knows of the sources.
            sources: (sentences,) positions of each source.
            bounds: What each output may be.
        """
        with rows_of(model, memory, len(sources), self.width) as rows:
            return self._through(rows, sources, bounds)

    def _through(self, rows: Rows, sources: np.ndarray, bounds: Bounds) -> list[list[Hypothesis]]:
        """Take steps until no hypothesis is alive."""
        tree = Tree()
        finished = Finished(self.n_best, self.ranking, sources, bounds.longest)
        live = self._start(len(sources))
        symbols, owner = first_symbols(len(live.places)), live.places // self.width
        rows.keep(owner, live.places)
        while len(live.places):
            n, scores = len(tree.layers), rows.advance(symbols)
            history = self._history(tree, live.places) if bounds.block else None
            banned, only = bounds.banned(owner, history, n), bounds.only(n, owner)
            grown = self.choose(candidates(scores.log_probabilities, self.count, banned, only), live)
            row = _row_of_parent(grown, live)
            parent, symbol, log_probability = grown.parent.ravel(), grown.symbol.ravel(), grown.log_probability.ravel()
            tree.grow(Layer(parent, symbol, log_probability, row, scores.attention))
            live = self._survivors(grown, finished.take(tree, grown), live)
            rows.keep(row[live.places], live.places)
            symbols, owner = symbol[live.places], live.places // self.width
        return finished.hypotheses(tree)

    def _start(self, sentences: int) -> Live:
        total = np.full((sentences, self.width), -np.inf)
        total[:, : self.begin] = 0.0
        return Live(total, np.flatnonzero(total == 0.0), np.full(sentences, self.width))

    def _history(self, tree: Tree, places: np.ndarray) -> np.ndarray:
        return tree.paths(np.full(len(places), len(tree.layers) - 1), places).symbols

    def _survivors(self, grown: Grown, done: np.ndarray, live: Live) -> Live:
        """Leave out what has ended, and the sentences that are done."""
        ended = grown.symbol == END
        total = np.where(ended | done[:, None], -np.inf, grown.total)
        room = live.room - (ended & (grown.total > -np.inf)).sum(1)
        return Live(total, np.flatnonzero(total.ravel() > -np.inf), room)


def each_by_one(pick: Callable[[Candidates, Live], np.ndarray]) -> Choose:
    """Let every hypothesis go on by the candidate that ``pick`` names: (rows,) its column."""

    def choose(found: Candidates, live: Live) -> Grown:
        column, rows = pick(found, live), np.arange(len(live.places))
        total, own = np.full(live.total.size, -np.inf), np.full(live.total.size, -np.inf)
        symbol = np.zeros(live.total.size, dtype=np.int64)
        own[live.places], symbol[live.places] = found.log_probabilities[rows, column], found.symbols[rows, column]
        total[live.places] = live.total.ravel()[live.places] + own[live.places]
        shape = live.total.shape
        parent = np.arange(live.total.size).reshape(shape)
        return Grown(total.reshape(shape), parent, symbol.reshape(shape), own.reshape(shape))

    return choose


def _row_of_parent(grown: Grown, live: Live) -> np.ndarray:
    """The row of the model from which each place grows, (places,); any row where nothing is."""
    return np.minimum(np.searchsorted(live.places, grown.parent.ravel()), len(live.places) - 1)
