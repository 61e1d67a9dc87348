"""What a translator answers: lines, with scores and where the model looked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from everystep.errors import DataError
from everystep.seq2seq.search import Hypothesis
from everystep.text import END, SPECIALS
from everystep.translate.vocabularies import Vocabularies

LONGEST = 10_000  # symbols of a line that is translated


class Translation(NamedTuple):
    """One translation of a line."""

    text: str
    score: float  # by which it is ranked: the log probability under the length penalty
    log_probability: float
    source: tuple[str, ...]  # symbols that were read, the end included
    target: tuple[str, ...]  # symbols that were said, the end included
    attention: Tensor | None  # (target, source), where the model looked before each symbol; None without attention


EMPTY = Translation("", 0.0, 0.0, (), (), None)


def answered(
    lines: Sequence[str],
    found: Mapping[int, Sequence[Hypothesis]],
    encoded: Sequence[np.ndarray],
    vocabularies: Vocabularies,
) -> list[list[Translation]]:
    """Write what was found for each line; one that was not searched for is empty."""
    return [
        [_written(one, line, encoded[row], vocabularies) for one in found[row]] if row in found else [EMPTY]
        for row, line in enumerate(lines)
    ]


def check_length(encoded: Sequence[np.ndarray], place: str, first: int = 1) -> None:
    """Refuse lines that no memory would hold.

    Args:
        encoded: The lines.
        place: What stands before a line's number in the message.
        first: The number of the first of them.

    Raises:
        DataError: A line is too long; its number is named.
    """
    for number, line in enumerate(encoded, start=first):
        if len(line) > LONGEST:
            raise DataError(
                f"{place} {number} has {len(line) - 1:,} symbols; expected at most {LONGEST:,}: "
                "split it into sentences."
            )


def _written(one: Hypothesis, line: str, encoded: np.ndarray, vocabularies: Vocabularies) -> Translation:
    numbers = one.symbols.tolist()
    read = tuple(vocabularies.source.pieces(line))
    if len(read) != len(encoded) - 1:  # where pieces and numbers part ways, numbers are what was read
        read = tuple(vocabularies.source.symbol(int(number)) for number in encoded[:-1])
    said = tuple(vocabularies.target.symbol(number) for number in numbers)
    end = SPECIALS[END]
    return Translation(
        vocabularies.target.decode(numbers), one.score, one.log_probability, (*read, end), (*said, end), one.attention
    )
