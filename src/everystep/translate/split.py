"""Hold back some pairs of a text for validation, where no other text was given."""

from __future__ import annotations

from everystep.errors import DataError
from everystep.text import ParallelText
from everystep.text.parallel import chosen as some

LEAST, MOST = 10, 2000  # every tenth pair, or fewer, so that at most so many are held back


def held_back(text: ParallelText) -> tuple[ParallelText, ParallelText]:
    """Part a text in training and validation: every tenth pair, of a long text fewer, is held back.

    Pairs of one source stay on one side, so that validation asks nothing that was trained on.

    Args:
        text: All pairs.

    Returns:
        The training pairs and the validation pairs, in the order of the text.

    Raises:
        DataError: There are too few different sources.

    Example:
        >>> from everystep.text import read_parallel
        >>> from everystep.translate.split import held_back
        >>> train, valid = held_back(read_parallel(list("abcdefghijkl"), list("ABCDEFGHIJKL")))
        >>> valid.source
        ('j',)
    """
    sources = list(dict.fromkeys(text.source))
    every = max(LEAST, -(-len(sources) // MOST))
    chosen = {source for number, source in enumerate(sources, start=1) if number % every == 0}
    if not chosen:
        raise DataError(
            f"{text.name}: {len(sources)} different sources are too few to hold some back; expected {LEAST} or more. "
            "Give a validation text."
        )
    sides = [[row for row, one in enumerate(text.source) if (one in chosen) is held] for held in (False, True)]
    train, valid = (some(text, rows, ()) for rows in sides)
    return train, valid
