"""Numbers in words, in two languages: a translation task that is made, not found, with numbers never trained on."""

from __future__ import annotations

import random
from typing import NamedTuple

from everystep.text import ParallelText, read_parallel
from everystep.text.extra import needed

SMALL = 100  # numbers below it are the words that others are made of: all of them are trained on


class NumberWords(NamedTuple):
    """The three parts; no number is in two of them."""

    train: ParallelText
    valid: ParallelText
    test: ParallelText


def number_words(
    train: int = 10_000, valid: int = 400, test: int = 1000, *, source: str = "en", target: str = "fr", seed: int = 0
) -> NumberWords:
    """Make pairs of number words below one million, as many of each number of digits as there are.

    Args:
        train: Pairs to learn from, 100 or more.
        valid: Pairs that choose the epoch.
        test: Pairs that are held out.
        source: A language of num2words.
        target: Another.
        seed: Start of the random choice.

    Raises:
        MissingExtraError: num2words is not installed.

    Example:
        >>> from everystep.translate.number_words import number_words
        >>> number_words(train=102, valid=1, test=1).train.source[42]
        'forty-two'
    """
    chance, chosen = random.Random(seed), dict.fromkeys(range(SMALL))  # noqa: S311 - a choice of examples, no secret
    while len(chosen) < train + valid + test:
        digits = chance.randint(3, 6)
        chosen[chance.randrange(10 ** (digits - 1), 10**digits)] = None
    numbers = list(chosen)
    parts = (numbers[:train], numbers[train : train + valid], numbers[train + valid :])
    return NumberWords(*(_written(part, source, target) for part in parts))


def _written(numbers: list[int], source: str, target: str) -> ParallelText:
    words = needed("num2words", "number_words").num2words
    return read_parallel(*([words(number, lang=language) for number in numbers] for language in (source, target)))
