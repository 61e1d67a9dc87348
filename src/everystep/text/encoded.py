"""Pairs of lines as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from everystep.errors import ArgumentError, DataError, counted
from everystep.text.notes import LeftOut, left_out
from everystep.text.parallel import ParallelText
from everystep.text.symbols import END, UNKNOWN
from everystep.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Unknown:
    """Symbols of one side that its vocabulary does not hold."""

    side: str
    count: int
    of: int  # symbols in all
    first: str  # the first of them
    place: str  # where it stands

    def __str__(self) -> str:
        are = "is" if self.count == 1 else "are"
        return (
            f"{self.count:,} of {self.of:,} {self.side} symbols {are} unknown to the vocabulary; "
            f'the first is "{self.first}" in {self.place}.'
        )


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs as numbers. Every sequence ends with the end symbol, so none is empty; begin is not among them."""

    source: tuple[np.ndarray, ...]  # each (length,) int32
    target: tuple[np.ndarray, ...]
    name: str
    unit: str
    numbers: tuple[int, ...]  # of the line that each pair stands on, from 1
    left_out: tuple[LeftOut, ...] = ()
    unknown: tuple[Unknown, ...] = ()

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def notes(self) -> tuple[str, ...]:
        """Say what was left out and what is unknown, a sentence each."""
        return tuple(map(str, (*self.left_out, *self.unknown)))


def encode_pairs(text: ParallelText, source: Vocabulary, target: Vocabulary, *, max_length: int | None = None) -> Pairs:
    """Turn pairs into numbers.

    Args:
        text: The pairs.
        source: The vocabulary of the source side.
        target: The vocabulary of the target side; the same one where both share it.
        max_length: Most symbols of either side, the end not counted; pairs with more are left out and counted. None
            keeps every pair, as scoring does.

    Returns:
        The pairs, with notes on what was left out and what is unknown.

    Raises:
        ArgumentError: ``max_length`` is below 1.
        DataError: No pair is left.

    Example:
        >>> from everystep.text import encode_pairs, learn, read_parallel
        >>> text = read_parallel(["a b", "a b c"], ["x", "y"])
        >>> pairs = encode_pairs(text, learn(text.source, "word"), learn(text.target, "word"), max_length=2)
        >>> pairs.source[0].tolist()
        [4, 5, 3]
        >>> pairs.notes[0]
        '1 pair left out because a side has more than 2 symbols; the first is the source + the target: entry 2.'
    """
    if max_length is not None and max_length < 1:
        raise ArgumentError(f"encode_pairs: max_length is {max_length}; expected 1 or more, or None.")
    sides = [encode_lines(text.source, source), encode_lines(text.target, target)]
    longest = [max(len(one), len(other)) - 1 for one, other in zip(*sides, strict=True)]
    kept = [index for index, length in enumerate(longest) if max_length is None or length <= max_length]
    many = [text.place(index) for index, length in enumerate(longest) if max_length is not None and length > max_length]
    notes = (*text.left_out, *left_out(f"a side has more than {counted(max_length or 0, 'symbol')}", many))
    if not kept:
        raise DataError(f"{text.name}: no pair is left. {' '.join(map(str, notes))}")
    unknown = (
        *_unknown("source", text, text.source, kept, sides[0], source),
        *_unknown("target", text, text.target, kept, sides[1], target),
    )
    numbers = tuple(text.numbers[index] for index in kept)
    one, other = (tuple(side[index] for index in kept) for side in sides)
    return Pairs(one, other, text.name, text.unit, numbers, notes, unknown)


def encode_lines(lines: Sequence[str], vocabulary: Vocabulary) -> list[np.ndarray]:
    """Turn lines into numbers, each line with the end symbol after it.

    Example:
        >>> from everystep.text import encode_lines, learn
        >>> [line.tolist() for line in encode_lines(["a", ""], learn(["a"], "word"))]
        [[4, 3], [3]]
    """
    return [np.array([*vocabulary.encode(line), END], dtype=np.int32) for line in lines]


def _unknown(
    side: str, text: ParallelText, lines: Sequence[str], kept: list[int], encoded: list[np.ndarray], known: Vocabulary
) -> tuple[Unknown, ...]:
    counts = {index: int((encoded[index] == UNKNOWN).sum()) for index in kept}
    count = sum(counts.values())
    if not count:
        return ()
    at = next(index for index, found in counts.items() if found)
    place = int(np.argmax(encoded[at] == UNKNOWN))
    total = sum(len(encoded[index]) - 1 for index in kept)
    return (Unknown(side, count, total, known.pieces(lines[at])[place], text.place(at)),)
