"""Vocabularies of words, characters or phones: a table of symbols."""

from __future__ import annotations

from dataclasses import dataclass, field

from everystep.text.symbols import SPECIALS, UNKNOWN
from everystep.text.vocabulary import Vocabulary
from everystep.text.vocabulary_file import to_bytes

BETWEEN = {"word": " ", "char": "", "phones": " "}  # what each kind writes between two symbols


def split(kind: str, line: str) -> list[str]:
    """Split a line into words or phones, at any white space, or into characters."""
    return line.split() if BETWEEN[kind] else list(line)


@dataclass(frozen=True)
class SymbolicVocabulary(Vocabulary):
    """A table of words, characters or phones.

    Args:
        kind: ``"word"``, ``"char"`` or ``"phones"``.
        symbols: The symbols that stand for text; the first has number 4.
    """

    kind: str
    symbols: tuple[str, ...] = field(repr=False)

    def __post_init__(self) -> None:
        numbers = {symbol: number for number, symbol in enumerate(self.symbols, start=len(SPECIALS))}
        object.__setattr__(self, "_numbers", numbers)

    def __len__(self) -> int:
        return len(SPECIALS) + len(self.symbols)

    def encode(self, line: str) -> list[int]:
        """Give the number of each symbol of a line, 1 where it is unknown; without begin and end."""
        numbers: dict[str, int] = self.__dict__["_numbers"]
        return [numbers.get(symbol, UNKNOWN) for symbol in split(self.kind, line)]

    def pieces(self, line: str) -> list[str]:
        """Cut a line into its symbols as they are written, also those that are unknown."""
        return split(self.kind, line)

    def symbol(self, number: int) -> str:
        """Give the symbol of a number, as pictures write it."""
        return SPECIALS[number] if number < len(SPECIALS) else self.symbols[number - len(SPECIALS)]

    def to_files(self, name: str) -> dict[str, bytes]:
        """Give ``NAME.vocabulary.json``, with a checksum over the symbols."""
        return {f"{name}.vocabulary.json": to_bytes(self.kind, {"symbols": list(self.symbols)})}

    def _join(self, numbers: list[int]) -> str:
        unknown = SPECIALS[UNKNOWN] if BETWEEN[self.kind] else "\N{REPLACEMENT CHARACTER}"
        written = (unknown if number == UNKNOWN else self.symbols[number - len(SPECIALS)] for number in numbers)
        return BETWEEN[self.kind].join(written)
