"""Batches of pairs by number of symbols: batch ``index`` of epoch ``epoch`` is always the same one."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from everystep.errors import ArgumentError, DataError
from everystep.text.encoded import Pairs
from everystep.text.groups import bucket, cut
from everystep.text.padded import PairBatch, pad


class TokenBatches:
    """Pairs of like length in batches of about as many symbols, in a new order each epoch; every pair once an epoch.

    Pairs are put into buckets by length. In each epoch the pairs of a bucket are dealt anew, and the batches come in a
    new order; how many there are does not change. They can be handed to ``everystep.train.train``.

    Args:
        pairs: The pairs.
        symbols: Most symbols of a batch on its longer side, padding and end counted; a pair that is longer by itself
            makes a batch of its own.
        most: Most pairs of a batch; None leaves it to ``symbols``.
        seed: Start of the random order, 0 or more.

    Raises:
        ArgumentError: ``symbols`` or ``most`` is not a whole number, 1 or more, or the seed not one, 0 or more.
        DataError: There is no pair.

    Example:
        >>> from everystep.text import TokenBatches, encode_pairs, learn, read_parallel
        >>> text = read_parallel(["a b", "c", "b"], ["x y", "z", "x"])
        >>> pairs = encode_pairs(text, learn(text.source, "word"), learn(text.target, "word"))
        >>> batches = TokenBatches(pairs, symbols=4)
        >>> len(batches), sorted(batches.batch(0, index).source.shape[1] for index in range(2))
        (2, [1, 2])
    """

    def __init__(self, pairs: Pairs, symbols: int, most: int | None = None, seed: int = 0) -> None:
        _check("symbols", symbols, least=1)
        _check("seed", seed, least=0)
        if most is not None:
            _check("most", most, least=1)
        if not len(pairs):
            raise DataError("TokenBatches: there is no pair; expected one or more.")
        self.pairs, self.symbols, self.most, self.seed = pairs, symbols, most, seed
        sides = np.array([[len(one) for one in side] for side in (pairs.source, pairs.target)])  # (2, pairs)
        self._longer, self._shorter = bucket(sides.max(axis=0)), bucket(sides.min(axis=0))
        # pairs are sorted by bucket, so the sorted lengths, and with them the cuts, are the same in every epoch
        self._starts = cut(np.sort(self._longer), symbols, most)
        self._dealt: tuple[int, np.ndarray, np.ndarray] = (-1, np.empty(0), np.empty(0))

    def __len__(self) -> int:
        return len(self._starts) - 1

    @property
    def tokens_per_batch(self) -> float:
        """Symbols of the target side in a batch, on average, padding not counted."""
        return sum(map(len, self.pairs.target)) / len(self)

    def rows(self, epoch: int, index: int) -> np.ndarray:
        """Give the places of a batch's pairs, (pairs,)."""
        if self._dealt[0] != epoch:
            self._dealt = (epoch, *self._deal(epoch))
        _, order, turns = self._dealt
        turn = turns[index]
        return order[self._starts[turn] : self._starts[turn + 1]]

    def batch(self, epoch: int, index: int) -> PairBatch:
        """Give one batch; the same bits each time it is asked for."""
        rows = self.rows(epoch, index)
        return PairBatch(*pad([self.pairs.source[row] for row in rows]), *pad([self.pairs.target[row] for row in rows]))

    def name(self, epoch: int, index: int) -> str:
        """Say which lines a batch holds."""
        numbers = sorted(self.pairs.numbers[row] for row in self.rows(epoch, index))
        more = f" and {len(numbers) - 32} more" if len(numbers) > 32 else ""
        return f"{self.pairs.name}: {self.pairs.unit}s {', '.join(map(str, numbers[:32]))}{more}"

    def facts(self) -> dict[str, Any]:
        """Give the settings and a fingerprint of each side: equal facts mean equal batches."""
        sides = {"source": _fingerprint(self.pairs.source), "target": _fingerprint(self.pairs.target)}
        return {"symbols": self.symbols, "most": self.most, "seed": self.seed, **sides}

    def _deal(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Sort the pairs by bucket, equals at random, and the batches at random."""
        # raw numbers of a named generator: NumPy keeps them from version to version, unlike its shuffles
        chance = np.random.PCG64(np.random.SeedSequence([self.seed, epoch]))
        order = np.lexsort((chance.random_raw(len(self.pairs)), self._shorter, self._longer))
        return order, np.argsort(chance.random_raw(len(self)), kind="stable")


def _check(name: str, value: object, least: int) -> None:
    if type(value) is not int or value < least:
        raise ArgumentError(f"TokenBatches: {name} is {value!r}; expected a whole number, {least} or more.")


def _fingerprint(sequences: tuple[np.ndarray, ...]) -> str:
    digest = hashlib.sha256(np.array([len(one) for one in sequences], dtype="<i8").tobytes())
    digest.update(np.concatenate(sequences).astype("<i4").tobytes())
    return f"{len(sequences)} sequences sha256 {digest.hexdigest()[:16]}"
