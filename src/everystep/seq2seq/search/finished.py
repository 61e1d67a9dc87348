"""The finished hypotheses of every sentence, and whether anything alive can still be better."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from everystep.errors import ArgumentError
from everystep.seq2seq.search.hypothesis import Hypothesis
from everystep.seq2seq.search.ranking import Ranking
from everystep.seq2seq.search.tree import Tree
from everystep.text.symbols import END

if TYPE_CHECKING:
    from everystep.seq2seq.search.loop import Grown


class _Ended(NamedTuple):
    """Hypotheses that ended at one step: (hypotheses,) each."""

    sentence: np.ndarray
    layer: np.ndarray
    place: np.ndarray
    score: np.ndarray
    log_probability: np.ndarray


class Finished:
    """What has ended so far.

    Args:
        n_best: How many are asked for.
        ranking: How they are scored.
        sources: (sentences,) positions of each source.
        longest: (sentences,) the most symbols of each output, END not counted.
    """

    def __init__(self, n_best: int, ranking: Ranking, sources: np.ndarray, longest: np.ndarray) -> None:
        self._ranking, self._sources, self._longest = ranking, sources, longest
        self._best = np.full((len(sources), n_best), -np.inf)  # scores, falling
        self._ended: list[_Ended] = []

    def take(self, tree: Tree, grown: Grown) -> np.ndarray:
        """Take in what has ended at this step; tell which sentences are done: (sentences,) bool."""
        ended = (grown.symbol == END) & (grown.total > -np.inf)
        if ended.any():
            self._add(tree, grown, ended)
        if not self._ended:
            return np.zeros(len(self._best), dtype=bool)
        alive = np.where(ended, -np.inf, grown.total).max(1)
        # Nothing alive can enter the list of the n best: see Ranking.bound.
        return self._best[:, -1] >= self._ranking.bound(alive, self._longest + 1)

    def hypotheses(self, tree: Tree) -> list[list[Hypothesis]]:
        """Give the best of each sentence, best first; of equal scores what ended first."""
        found = _joined(self._ended)
        order = np.lexsort((np.arange(len(found.score)), -found.score, found.sentence))
        sentence = found.sentence[order]
        rank = np.arange(len(order)) - np.searchsorted(sentence, sentence)
        chosen = _Ended(*(part[order[rank < self._best.shape[1]]] for part in found))
        self._hold_all(chosen.sentence)
        return self._read(tree, chosen)

    def _add(self, tree: Tree, grown: Grown, ended: np.ndarray) -> None:
        sentence, slot = np.nonzero(ended)
        layer = len(tree.layers) - 1
        place, total = sentence * ended.shape[1] + slot, grown.total[ended]
        layers = np.full(len(place), layer)
        covered = self._covered(tree, layers, place, sentence) if self._ranking.coverage else None
        score = self._ranking.score(total, layer + 1, covered)
        self._ended.append(_Ended(sentence, layers, place, score, total))
        scores = np.full(ended.shape, -np.inf)
        scores[ended] = score
        both = np.concatenate([self._best, scores], axis=1)
        self._best = -np.sort(-both, axis=1)[:, : self._best.shape[1]]

    def _covered(self, tree: Tree, layers: np.ndarray, places: np.ndarray, sentence: np.ndarray) -> np.ndarray:
        """Sum the attention that each position got, (hypotheses, positions); NaN where the source has no position."""
        looked = tree.paths(layers, places).attention
        if looked is None:
            raise ArgumentError(
                "Ranking: coverage needs a model with attention; this one gives none: leave coverage 0."
            )
        covered = looked.double().sum(1).cpu().numpy()
        inside = np.arange(covered.shape[1]) < self._sources[sentence][:, None]
        return np.where(inside, covered, np.nan)

    def _hold_all(self, sentences: np.ndarray) -> None:
        without = np.setdiff1d(np.arange(len(self._sources)), sentences)
        if len(without):
            raise ArgumentError(
                f"search: sentence {without[0]} has no output of at most {self._longest[without[0]]} symbols with a "
                "probability above 0: the model gives -inf to every symbol that may come. Look at the model's masks, "
                "or loosen minimum, block, forbidden or prefix."
            )

    def _read(self, tree: Tree, chosen: _Ended) -> list[list[Hypothesis]]:
        paths = tree.paths(chosen.layer, chosen.place)
        listed: list[list[Hypothesis]] = [[] for _ in self._sources]
        for i, sentence in enumerate(chosen.sentence):
            n = chosen.layer[i] + 1  # symbols, END counted
            looked = None if paths.attention is None else paths.attention[i, :n, : self._sources[sentence]]
            listed[sentence].append(
                Hypothesis(
                    symbols=torch.from_numpy(paths.symbols[i, : n - 1].copy()),
                    score=float(chosen.score[i]),
                    log_probability=float(chosen.log_probability[i]),
                    steps=torch.from_numpy(paths.log_probabilities[i, :n].copy()),
                    attention=looked,
                    cut=bool(n > self._longest[sentence]),
                )
            )
        return listed


def _joined(pieces: list[_Ended]) -> _Ended:
    if not pieces:
        empty = np.empty(0, dtype=np.int64)
        return _Ended(empty, empty, empty, np.empty(0), np.empty(0))
    return _Ended(*(np.concatenate(parts) for parts in zip(*pieces, strict=True)))
