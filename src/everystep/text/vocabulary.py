"""What every vocabulary does: a line in, numbers out, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from everystep.errors import ArgumentError
from everystep.text.symbols import END, SPECIALS, UNKNOWN


class Vocabulary(ABC):
    """Symbols and their numbers. The first four are padding, unknown, begin and end; no text is ever read as one.

    Made by :func:`everystep.text.learn`, saved by ``to_files``, loaded by :func:`everystep.text.load_vocabulary`.
    Vocabularies with equal symbols are equal.

    Example:
        >>> from everystep.text import learn
        >>> words = learn(["a cat", "a dog"], "word")
        >>> len(words), words.encode("a dog barks"), words.decode([4, 5, 3])
        (7, [4, 6, 1], 'a cat')
    """

    kind: str  # "word", "char", "phones", "bpe:8000", "unigram:8000"

    @abstractmethod
    def __len__(self) -> int:
        """Give the number of symbols, the four specials included."""

    @abstractmethod
    def encode(self, line: str) -> list[int]:
        """Give the number of each symbol of a line, 1 where it is unknown; without begin and end."""

    @abstractmethod
    def pieces(self, line: str) -> list[str]:
        """Cut a line into its symbols as they are written, also those that are unknown."""

    @abstractmethod
    def symbol(self, number: int) -> str:
        """Give the symbol of a number, as pictures write it."""

    @abstractmethod
    def to_files(self, name: str) -> dict[str, bytes]:
        """Give the files to save, by file name: equal vocabularies give equal bytes."""

    @abstractmethod
    def _join(self, numbers: list[int]) -> str:
        """Write symbols that are text or unknown."""

    def decode(self, numbers: Iterable[int]) -> str:
        """Write a line from numbers, up to the first end; padding and begin leave no trace.

        Args:
            numbers: Whole numbers below ``len``: a list, or a tensor of one axis.

        Returns:
            The line. An unknown symbol is written ``<unk>``, and ``�`` among characters.

        Raises:
            ArgumentError: A number belongs to no symbol.
        """
        kept = []
        for number in map(int, numbers):
            if number == END:
                break
            if not 0 <= number < len(self):
                raise ArgumentError(f"decode: {number} is no symbol's number; expected 0 to {len(self) - 1}.")
            if number == UNKNOWN or number >= len(SPECIALS):
                kept.append(number)
        return self._join(kept)
