"""Read the lines of a text: a file, plain or gzip, the bytes of a stream, or a list."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from everystep.errors import DataError
from everystep.files import check_text, read_bytes

Source = str | os.PathLike[str] | Sequence[str]  # a path, or lines


@dataclass(frozen=True)
class Lines:
    """The lines of one text, each without its line end."""

    name: str  # the path, or what a list is called
    texts: tuple[str, ...]
    unit: str = "line"  # "entry" for a list

    def __len__(self) -> int:
        return len(self.texts)

    def place(self, index: int) -> str:
        """Name one line: ``train.en: line 3``."""
        return f"{self.name}: {self.unit} {index + 1}"


def read_lines(source: Source, name: str = "the list") -> Lines:
    """Read lines; every line is kept, also an empty one.

    A line ends at a line feed, and at nothing else that Unicode holds for a line end: so do the tools that made the
    parallel files. A carriage return before it belongs to the line end.

    Args:
        source: The path of a file, UTF-8, plain or gzip; or a list of lines.
        name: What messages call a list.

    Raises:
        DataError: There is no such file, it is empty, or it is not UTF-8 text; file and line are named.

    Example:
        >>> from everystep.text import read_lines
        >>> read_lines(["ein haus", ""]).texts
        ('ein haus', '')
    """
    if isinstance(source, str | os.PathLike):
        return lines_of(read_bytes(Path(source), str(source), "a text file of lines"), str(source))
    if isinstance(source, bytes) or not isinstance(source, Sequence):
        raise DataError(f"{name} is {type(source).__name__}; expected the path of a file, or a list of lines.")
    texts = tuple(check_entry(name, number, line) for number, line in enumerate(source, start=1))
    if not texts:
        raise DataError(f"{name} is empty; expected lines of text.")
    return Lines(name, texts, unit="entry")


def lines_of(raw: bytes, name: str) -> Lines:
    """Cut the bytes of a file, or of a stream, into lines.

    Args:
        raw: UTF-8 text.
        name: What messages call it.

    Raises:
        DataError: The bytes are no UTF-8 text, or there is none; the line is named.
    """
    raw = check_text(raw, name)
    if not raw:
        raise DataError(f"{name}: the file is empty; expected lines of text.")
    if b"\x00" in raw:
        line = raw.count(b"\n", 0, raw.index(b"\x00")) + 1
        raise DataError(f"{name}: line {line} holds a zero byte: the file is binary; expected UTF-8 text.")
    texts = raw.decode("utf-8").removesuffix("\n").split("\n")
    return Lines(name, tuple(text.removesuffix("\r") for text in texts))


def check_entry(who: str, number: int, line: Any) -> str:
    """Return an entry of a list of lines.

    Raises:
        DataError: It is no text, holds a line end, or can't be written as UTF-8.
    """
    if not isinstance(line, str):
        raise DataError(f"{who}: entry {number} is {type(line).__name__}; expected text.")
    if "\n" in line:
        raise DataError(f"{who}: entry {number} holds a line end; expected one line: split it, or put a space there.")
    if not line.isascii():
        try:
            line.encode("utf-8")
        except UnicodeEncodeError as error:
            raise DataError(
                f"{who}: entry {number} holds half a surrogate pair at character {error.start + 1}; expected Unicode."
            ) from error
    return line
