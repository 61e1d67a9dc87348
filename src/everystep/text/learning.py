"""Learn a vocabulary from lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from everystep.errors import ArgumentError, DataError, unknown
from everystep.text.lines import check_entry
from everystep.text.subwords import learn_subwords
from everystep.text.symbolic import BETWEEN, SymbolicVocabulary, split
from everystep.text.symbols import SPECIALS
from everystep.text.vocabulary import Vocabulary

METHODS = ("bpe", "unigram")
KINDS = (*BETWEEN, *(f"{method}:N" for method in METHODS))


def learn(lines: Iterable[str], kind: str, *, minimum_count: int = 1, maximum_size: int | None = None) -> Vocabulary:
    """Learn a vocabulary. For one that both sides share, give the lines of both.

    Args:
        lines: Lines of text.
        kind: ``"word"`` (parted by white space), ``"char"`` (every character, spaces too), ``"phones"`` (parted by
            white space, a closed set: all of them are kept), ``"bpe:N"`` or ``"unigram:N"`` (N pieces of words, the
            four specials among them; needs sentencepiece).
        minimum_count: Words and characters that come less often are unknown.
        maximum_size: Most symbols, the four specials among them: the most frequent are kept. None keeps all.

    Returns:
        The vocabulary; words and characters stand in the order of their frequency, equals in the order of Unicode.

    Raises:
        UnknownNameError: There is no such kind.
        ArgumentError: A count is out of range, or given for a kind that takes none.
        DataError: There is nothing to learn from, or fewer or more than N pieces.
        MissingExtraError: sentencepiece is needed and not installed.

    Example:
        >>> from everystep.text import learn
        >>> learn(["b a b"], "phones").symbols
        ('b', 'a')
    """
    check_kind(kind)
    _check_counts(kind, minimum_count, maximum_size)
    if kind not in BETWEEN:
        return learn_subwords(_checked(lines), kind)
    counts = Counter(symbol for line in _checked(lines) for symbol in split(kind, line))
    often = sorted((-count, symbol) for symbol, count in counts.items() if count >= minimum_count)
    symbols = tuple(symbol for _, symbol in often)[: None if maximum_size is None else maximum_size - len(SPECIALS)]
    if not symbols:
        raise DataError(
            f'learn: "{kind}" found no symbol that comes {minimum_count} times or more; expected lines of text.'
        )
    return SymbolicVocabulary(kind, symbols)


def check_kind(kind: str) -> None:
    """Refuse what is no kind of vocabulary.

    Raises:
        UnknownNameError: There is no such kind.
        ArgumentError: The number of pieces is missing, or below 5.

    Example:
        >>> from everystep.text import check_kind
        >>> check_kind("bpe:8000")
    """
    if kind in BETWEEN:
        return
    method, _, size = str(kind).partition(":")
    if method not in METHODS:
        raise unknown("text", "vocabulary", kind, KINDS)
    if not re.fullmatch(r"[1-9][0-9]{0,6}", size) or int(size) <= len(SPECIALS):
        raise ArgumentError(f'text: vocabulary "{kind}" has no number of pieces, 5 or more; write "{method}:8000".')


def _check_counts(kind: str, minimum_count: int, maximum_size: int | None) -> None:
    if kind not in {"word", "char"} and (minimum_count != 1 or maximum_size is not None):
        raise ArgumentError(
            f'learn: "{kind}" takes no minimum_count or maximum_size; its symbols are all kept, or counted by N.'
        )
    if minimum_count < 1:
        raise ArgumentError(f"learn: minimum_count is {minimum_count}; expected 1 or more.")
    if maximum_size is not None and maximum_size <= len(SPECIALS):
        raise ArgumentError(f"learn: maximum_size is {maximum_size}; expected 5 or more: four symbols are special.")


def _checked(lines: Iterable[str]) -> Iterator[str]:
    if isinstance(lines, str):
        raise ArgumentError("learn: lines is one text; expected several lines: put it in a list.")
    return (check_entry("learn", number, line) for number, line in enumerate(lines, start=1))
