"""Translate a stream: lines are answered in order, as many at once as are there."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import IO

from everystep.errors import DataError
from everystep.files import UTF8_MARK
from everystep.text import UNKNOWN, Unknown, Vocabulary, encode_lines
from everystep.translate.answers import Translation, check_length
from everystep.translate.translator import Translator

TOGETHER = 256  # most lines that are translated at once
STREAM = "standard input"


def translated(
    translator: Translator, stream: IO[bytes], *, beam: int | None = None, n_best: int = 1
) -> Iterator[tuple[int, str, list[Translation]]]:
    """Translate the lines of a stream.

    Args:
        translator: A fitted translator.
        stream: Bytes of UTF-8 lines.
        beam: As for ``Translator.translate``.
        n_best: As for ``Translator.translations``.

    Yields:
        For each line its number, from 1, the line, and its translations.

    Raises:
        DataError: A line is not UTF-8, or far too long; lines before it were yielded.
    """
    translator.translations([], beam=beam, n_best=n_best)  # what is asked is refused before a line is waited for
    source, number = translator.fitted.vocabularies.source, 0
    for raw in _chunks(stream):
        lines, refused = _decoded(raw, number, source)
        for line, found in zip(lines, translator.translations(lines, beam=beam, n_best=n_best), strict=True):
            number += 1
            yield number, line, found
        if refused is not None:
            raise refused


class Unknowns:
    """Counts symbols that a vocabulary does not hold.

    Args:
        vocabulary: That of the source.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary, self.count, self.of = vocabulary, 0, 0
        self.first = ("", "")

    def look(self, number: int, line: str) -> None:
        """Count those of a line."""
        encoded = self.vocabulary.encode(line)
        if UNKNOWN in encoded and not self.count:
            pieces = self.vocabulary.pieces(line)
            self.first = (pieces[min(encoded.index(UNKNOWN), len(pieces) - 1)], f"{STREAM}: line {number}")
        self.count += encoded.count(UNKNOWN)
        self.of += len(encoded)

    @property
    def notes(self) -> tuple[str, ...]:
        """Say how many there were, in a sentence; nothing where there were none."""
        return (str(Unknown("source", self.count, self.of, *self.first)),) if self.count else ()


def _chunks(stream: IO[bytes]) -> Iterator[list[bytes]]:
    """Give the lines that are there: a slow writer gets an answer to each, a file is taken in large pieces."""
    lines: queue.Queue[bytes | BaseException | None] = queue.Queue(maxsize=4 * TOGETHER)

    def read() -> None:
        try:
            for line in stream:
                lines.put(line)
            lines.put(None)
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            lines.put(error)

    threading.Thread(target=read, daemon=True).start()
    ended = False
    while not ended:
        came, ended = _taken(lines)
        if came:
            yield came


def _taken(lines: queue.Queue[bytes | BaseException | None]) -> tuple[list[bytes], bool]:
    """Wait for one line, and take those behind it: the lines, and whether the stream ended."""
    came: list[bytes] = []
    while len(came) < TOGETHER and (not came or not lines.empty()):
        line = lines.get()
        if isinstance(line, BaseException):
            raise line
        if line is None:
            return came, True
        came.append(line)
    return came, False


def _decoded(raw: list[bytes], before: int, source: Vocabulary) -> tuple[list[str], DataError | None]:
    """Read lines up to the first that is none, and say why it is none."""
    lines: list[str] = []
    for number, one in enumerate(raw, start=before + 1):
        try:
            line = (one.removeprefix(UTF8_MARK) if number == 1 else one).decode("utf-8")
            line = line.removesuffix("\n").removesuffix("\r")
            check_length(encode_lines([line], source), f"{STREAM}: line", number)
        except UnicodeDecodeError as error:
            wrong = f"{STREAM}: line {number} is not UTF-8 (byte 0x{one[error.start]:02x})"
            return lines, DataError(f"{wrong}; save it as UTF-8. The lines before it were translated.")
        except DataError as error:
            return lines, DataError(f"{error} The lines before it were translated.")
        lines.append(line)
    return lines, None
