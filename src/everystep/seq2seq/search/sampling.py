"""Outputs drawn at random, each symbol by its probability."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from everystep.errors import ArgumentError, check_whole
from everystep.seq2seq.search.candidates import Candidates
from everystep.seq2seq.search.hypothesis import Hypothesis
from everystep.seq2seq.search.limits import Bounds, Limits, source_lengths
from everystep.seq2seq.search.loop import Live, Search, each_by_one
from everystep.seq2seq.search.model import Model
from everystep.seq2seq.search.ranking import Ranking


def sample(
    model: Model,
    memory: Any,
    lengths: Tensor,
    *,
    generator: torch.Generator | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    samples: int = 1,
    limits: Limits | None = None,
    ranking: Ranking | None = None,
    prefix: Sequence[Sequence[int]] | None = None,
) -> list[list[Hypothesis]]:
    r"""Draw outputs at random.

    .. math:: P(v) \propto p(v)^{1/T} \quad \text{for } v \text{ among the } k \text{ likeliest, and of these among the
        fewest that hold } P \ge p_{top}

    Args:
        model: Anything with ``start`` and ``advance``, see :class:`Model`; a module has to be in evaluation mode.
        memory: What the model knows of the sources, one row for each.
        lengths: (sentences,) positions of each source.
        generator: Where randomness comes from: the same one gives the same samples for the same batch.
        temperature: T, above 0; towards 0 what is drawn becomes what :func:`greedy` says.
        top_k: k, 1 or more; all symbols where not given.
        top_p: Above 0, up to 1, which leaves nothing out.
        samples: Outputs of each sentence; they may be equal.
        limits: What may be said.
        ranking: How the outputs are scored; it does not change what is drawn.
        prefix: Symbols with which each output has to begin, a list for each sentence.

    Returns:
        For each sentence its samples, best score first. Their log probability is the model's own, without temperature.

    Raises:
        ArgumentError: A number is out of range, or nothing that may be said has a probability above 0.
        ShapeError: The model, its state or memory have wrong axes.
        NonFiniteError: The model says NaN.

    Example:
        >>> import torch
        >>> from everystep.seq2seq.search import Scores, sample
        >>> class Fair:  # each of 8 symbols, always
        ...     def start(self, memory): return None
        ...     def advance(self, state, symbols, memory):
        ...         return Scores(torch.full((len(symbols), 8), 1 / 8).log(), None)
        >>> seeded = torch.Generator().manual_seed(1)
        >>> drawn = sample(Fair(), None, torch.tensor([2]), generator=seeded, samples=3)
        >>> len(drawn[0])
        3

    Source: Holtzman et al. (2020), "The curious case of neural text degeneration", for top-p.
    """
    _hold(temperature, top_k, top_p, samples)
    sources = source_lengths(lengths)
    bounds = Bounds.of(limits or Limits(), sources, prefix)
    count = top_k if top_k is not None else (None if top_p == 1 else sys.maxsize)
    pick = each_by_one(_Drawn(generator, temperature, top_k, top_p))
    search = Search(pick, samples, samples, count, samples, ranking or Ranking())
    return search.run(model, memory, sources, bounds)


@dataclass(frozen=True)
class _Drawn:
    """Picks a candidate of each row at random."""

    generator: torch.Generator | None
    temperature: float
    top_k: int | None
    top_p: float

    def __call__(self, found: Candidates, live: Live) -> np.ndarray:
        weights = self._weights(found.log_probabilities)  # (rows, candidates)
        reached = weights.cumsum(1)
        whole = reached[:, -1:]
        device = None if self.generator is None else self.generator.device
        # One number for every place, alive or not: what ends changes no other sentence's numbers.
        dice = torch.rand(live.total.size, generator=self.generator, device=device, dtype=torch.float64).cpu().numpy()
        drawn = (reached <= dice[live.places, None] * whole).sum(1)  # a weight of 0 is never drawn
        return np.minimum(drawn, (reached < whole).sum(1))

    def _weights(self, log_probabilities: np.ndarray) -> np.ndarray:
        most = log_probabilities.max(1, keepdims=True)
        weights = np.exp((log_probabilities - np.where(most > -np.inf, most, 0.0)) / self.temperature)
        if self.top_k is not None:
            weights[(log_probabilities > -np.inf).cumsum(1) > self.top_k] = 0.0
        if self.top_p < 1:
            before = weights.cumsum(1) - weights  # of those that are likelier
            weights[before >= self.top_p * weights.sum(1, keepdims=True)] = 0.0
        return weights


def _hold(temperature: float, top_k: int | None, top_p: float, samples: int) -> None:
    if not (temperature > 0 and math.isfinite(temperature)):
        raise ArgumentError(
            f"sample: temperature is {temperature!r}; expected a number above 0: for the likeliest symbol use greedy."
        )
    if not 0 < top_p <= 1:
        raise ArgumentError(f"sample: top_p is {top_p!r}; expected a number above 0, up to 1.")
    for name, value in (("top_k", 1 if top_k is None else top_k), ("samples", samples)):
        check_whole("sample", name, value)
