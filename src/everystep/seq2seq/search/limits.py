"""What may be said: lengths, n-grams that do not come back, symbols that never come, a prefix that has to come."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from everystep.errors import ArgumentError, ShapeError, check_whole
from everystep.text.symbols import BEGIN, END, PAD

FREE = -1  # no symbol: any may come


@dataclass(frozen=True)
class Limits:
    """What an output may be.

    Lengths count symbols without END. Where both a number and a factor are given, both hold; where they contradict each
    other for a source, the maximum holds.

    Args:
        minimum: Least symbols.
        maximum: Most symbols; after so many END follows, whatever the model says.
        minimum_factor: Least symbols for each position of the source.
        maximum_factor: Most symbols for each position of the source; no limit of that kind where not given.
        block: n: no n symbols in a row come twice in one output; 0 blocks nothing.
        forbidden: Symbols that are never said. Add UNKNOWN for outputs without unknown words.

    Raises:
        ArgumentError: A limit is out of range, or END is forbidden.

    Example:
        >>> from everystep.seq2seq.search import Limits
        >>> Limits(maximum=50, maximum_factor=1.5).longest(10)
        15
    """

    minimum: int = 0
    maximum: int = 250
    minimum_factor: float = 0.0
    maximum_factor: float | None = None
    block: int = 0
    forbidden: tuple[int, ...] = (PAD, BEGIN)

    def __post_init__(self) -> None:
        for name in ("minimum", "maximum", "block"):
            check_whole("Limits", name, getattr(self, name), least=0)
        for name in ("minimum_factor", "maximum_factor"):
            value = getattr(self, name)
            if value is not None and not (value >= 0 and math.isfinite(value)):
                raise ArgumentError(f"Limits: {name} is {value!r}; expected a number, 0 or more.")
        if self.minimum > self.maximum:
            raise ArgumentError(f"Limits: minimum is {self.minimum} and maximum {self.maximum}; expected no less.")
        if END in self.forbidden:
            raise ArgumentError(f"Limits: forbidden holds END, {END}; without it no output is ever finished.")

    def longest(self, source: int) -> int:
        """Give the most symbols for a source of so many positions."""
        if self.maximum_factor is None:
            return self.maximum
        return min(self.maximum, math.floor(round(self.maximum_factor * source, 6)))  # 1.1 * 10 is 11

    def shortest(self, source: int) -> int:
        """Give the least symbols for a source of so many positions."""
        least = max(self.minimum, math.ceil(round(self.minimum_factor * source, 6)))
        return min(least, self.longest(source))


@dataclass(frozen=True)
class Bounds:
    """The limits of each sentence of a batch, and what they say at a step."""

    longest: np.ndarray  # (sentences,) most symbols
    shortest: np.ndarray  # (sentences,) least symbols
    prefix: np.ndarray  # (sentences, longest prefix) what each begins with, FREE behind it
    block: int = 0
    forbidden: tuple[int, ...] = ()

    @classmethod
    def of(cls, limits: Limits, sources: np.ndarray, prefix: Sequence[Sequence[int]] | None) -> Bounds:
        """Work out the limits of each sentence.

        Args:
            limits: The limits.
            sources: (sentences,) positions of each source.
            prefix: Symbols that each output has to begin with.

        Raises:
            ArgumentError: There is not one prefix for each sentence, it is too long, or holds END.
        """
        longest = np.array([limits.longest(n) for n in sources.tolist()], dtype=np.int64)
        shortest = np.array([limits.shortest(n) for n in sources.tolist()], dtype=np.int64)
        begun = padded([[]] * len(sources) if prefix is None else prefix, longest, len(sources))
        return cls(longest, shortest, begun, limits.block, limits.forbidden)

    def only(self, n: int, sentences: np.ndarray) -> np.ndarray | None:
        """Tell which symbol has to follow n others, for rows of these sentences, FREE where any may; None: any may."""
        begun = n < self.prefix.shape[1]
        if not begun and n < self.longest.min():
            return None
        only = np.where(n >= self.longest[sentences], END, FREE)
        return np.where(self.prefix[sentences, n] >= 0, self.prefix[sentences, n], only) if begun else only

    def banned(self, sentences: np.ndarray, history: np.ndarray | None, n: int) -> np.ndarray:
        """Tell which symbols may not follow n others: (rows or 1 for all, any number), FREE where there is none.

        Args:
            sentences: (rows,) the sentence of each row.
            history: (rows, n) the symbols of each row so far, where n-grams are blocked.
            n: Symbols so far.
        """
        always = np.array([self.forbidden], dtype=np.int64)
        too_short = [np.where(n < self.shortest[sentences], END, FREE)[:, None]] if n < self.shortest.max() else []
        blocked = [] if history is None else [repeating(history, self.block)]
        if not too_short and not blocked:
            return always
        return np.concatenate([always.repeat(len(sentences), 0), *too_short, *blocked], axis=1)


def repeating(history: np.ndarray, size: int) -> np.ndarray:
    """Find the symbols that would make an n-gram come twice: (rows, any number), FREE where there is none.

    Example:
        >>> import numpy as np
        >>> from everystep.seq2seq.search.limits import repeating
        >>> repeating(np.array([[7, 8, 9, 7]]), 2)  # 7 was followed by 8
        array([[ 8, -1, -1]])
    """
    if history.shape[1] < size:
        return np.empty((len(history), 0), dtype=np.int64)
    seen = np.lib.stride_tricks.sliding_window_view(history, size, axis=1)  # (rows, windows, size)
    last = history[:, history.shape[1] - size + 1 :]
    return np.where((seen[:, :, :-1] == last[:, None]).all(-1), seen[:, :, -1], FREE)


def padded(begun: Sequence[Sequence[int]], longest: np.ndarray, sentences: int) -> np.ndarray:
    """Put the beginnings of outputs side by side, (sentences, longest beginning), FREE behind each.

    Raises:
        ArgumentError: There is not one for each sentence, it is too long, or holds END.
    """
    rows = [list(map(int, row)) for row in begun]
    if len(rows) != sentences:
        raise ArgumentError(f"search: {len(rows)} outputs are begun; expected {sentences}, a list for each sentence.")
    for sentence, (row, most) in enumerate(zip(rows, longest, strict=True)):
        if len(row) > most:
            raise ArgumentError(
                f"search: the prefix of sentence {sentence} has {len(row)} symbols and its output may have {most}; "
                "expected no more: raise maximum."
            )
        if any(symbol < 0 or symbol == END for symbol in row):
            raise ArgumentError(f"search: the prefix of sentence {sentence} is {row}; expected symbols without END.")
    widest = max(map(len, rows), default=0)
    return np.array([row + [FREE] * (widest - len(row)) for row in rows], dtype=np.int64).reshape(len(rows), widest)


def source_lengths(lengths: Tensor) -> np.ndarray:
    """Read how long the sources are.

    Raises:
        ShapeError: It is not one axis of whole numbers.
        ArgumentError: A length is negative.
    """
    lengths = torch.as_tensor(lengths)
    if lengths.ndim != 1 or lengths.is_floating_point() or lengths.dtype == torch.bool:
        raise ShapeError(
            f"search: lengths is {lengths.dtype} of shape {tuple(lengths.shape)}; expected whole numbers, (sentences,)."
        )
    if (lengths < 0).any():
        raise ArgumentError(f"search: lengths holds {int(lengths.min())}; expected positions of a source, 0 or more.")
    return lengths.long().cpu().numpy()
