"""Greedy search by a model that goes on from what it says by itself: the outputs of a search without its steps."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch

from everystep.seq2seq.search.hypothesis import Hypothesis
from everystep.seq2seq.search.limits import Bounds
from everystep.seq2seq.search.ranking import Ranking
from everystep.text.symbols import END


class Said(NamedTuple):
    """What a model said, step by step; what comes after an end means nothing."""

    symbols: np.ndarray  # (steps, rows)
    log_probabilities: np.ndarray  # (steps, rows) of the symbols
    ending: np.ndarray  # (steps, rows) log probability of END
    attention: np.ndarray | None  # (steps, rows, positions)


@runtime_checkable
class Speaker(Protocol):
    """A model that can go on from the likeliest symbol by itself."""

    def speak(self, memory: Any, closed: tuple[int, ...], most: np.ndarray) -> Said | None:
        """Say the likeliest symbol at each step, of equal ones the lowest, and go on from it.

        Args:
            memory: What the model knows of the sources, one row for each.
            closed: Symbols that it never says.
            most: (rows,) steps after which a row is through, 1 or more.

        Returns:
            What was said up to END, or for so many steps; None where it can't, and a search has to.
        """
        ...


def spoken(
    model: Speaker, memory: Any, sources: np.ndarray, bounds: Bounds, ranking: Ranking
) -> list[Hypothesis] | None:
    """Let a model speak.

    Returns:
        A hypothesis for each sentence; None where a search has to be made, or has something to refuse.
    """
    if bounds.block or bounds.prefix.size or bounds.shortest.any() or not len(sources):
        return None
    said = model.speak(memory, bounds.forbidden, bounds.longest + 1)
    if said is None or (said.attention is None and ranking.coverage):
        return None
    found = [_read(said, row, *limits, ranking) for row, limits in enumerate(zip(sources, bounds.longest, strict=True))]
    return found if all(-np.inf < one.log_probability <= 0 for one in found) else None


def _read(said: Said, row: int, positions: int, longest: int, ranking: Ranking) -> Hypothesis:
    """Read what a row said, which is cut where it is as long as it may be."""
    ended = said.symbols[:longest, row] == END
    n = int(ended.argmax()) if ended.any() else int(longest)  # symbols without END
    steps = said.log_probabilities[: n + 1, row].astype(np.float64)
    steps[n] = said.ending[n, row]
    total = float(np.add.accumulate(steps)[-1])
    looked = None if said.attention is None else said.attention[: n + 1, row, :positions]
    covered = looked.astype(np.float64).sum(0) if looked is not None and ranking.coverage else None
    return Hypothesis(
        symbols=torch.from_numpy(said.symbols[:n, row].copy()),
        score=float(ranking.score(total, n + 1, covered)),
        log_probability=total,
        steps=torch.from_numpy(steps),
        attention=None if looked is None else torch.from_numpy(looked.copy()),
        cut=n == longest,
    )
