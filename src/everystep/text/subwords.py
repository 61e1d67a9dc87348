"""Vocabularies of pieces of words, learned by SentencePiece."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from everystep.errors import DataError
from everystep.text.extra import needed
from everystep.text.symbols import BEGIN, END, PAD, SPECIALS, UNKNOWN
from everystep.text.vocabulary import Vocabulary
from everystep.text.vocabulary_file import damaged, to_bytes

HALF = re.compile("[\ud800-\udfff]")  # of a surrogate pair: no UTF-8 writes it


@dataclass(frozen=True)
class SubwordVocabulary(Vocabulary):
    """Pieces of words. Runs of white space count as one space; text is taken as it is, without normalisation.

    Args:
        kind: ``"bpe:N"`` or ``"unigram:N"``.
        model: The bytes of a SentencePiece model with N pieces.

    Raises:
        ModelFileError: The bytes are no such model.
        MissingExtraError: sentencepiece is not installed.
    """

    kind: str
    model: bytes = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_processor", _processor(self.kind, self.model))

    @property
    def _pieces(self) -> Any:
        return self.__dict__["_processor"]

    def __len__(self) -> int:
        return len(self._pieces)

    def encode(self, line: str) -> list[int]:
        """Give the number of each piece of a line, 1 where it is unknown; without begin and end."""
        return self._pieces.encode(_spaced(line))

    def pieces(self, line: str) -> list[str]:
        """Cut a line into its pieces as they are written, also those that are unknown."""
        return self._pieces.encode(_spaced(line), out_type=str)

    def symbol(self, number: int) -> str:
        """Give the piece of a number; ``▁`` is the space before a word."""
        return SPECIALS[number] if number < len(SPECIALS) else self._pieces.id_to_piece(number)

    def to_files(self, name: str) -> dict[str, bytes]:
        """Give ``NAME.vocabulary.json`` and ``NAME.sentencepiece``, the model that its checksum names."""
        facts = {"model_sha256": hashlib.sha256(self.model).hexdigest()}
        return {f"{name}.vocabulary.json": to_bytes(self.kind, facts), f"{name}.sentencepiece": self.model}

    def _join(self, numbers: list[int]) -> str:
        return self._pieces.decode(numbers)


def learn_subwords(lines: Iterable[str], kind: str) -> SubwordVocabulary:
    """Learn pieces from lines; the same lines give the same pieces.

    Raises:
        DataError: There is no text, or too little or too much for as many pieces; the bound is named.
        MissingExtraError: sentencepiece is not installed.
    """
    sentencepiece = needed("sentencepiece", f'"{kind}"')
    method, size = kind.split(":")
    model = io.BytesIO()
    texts = [text for text in map(_spaced, lines) if text]
    if not texts:
        raise DataError(f'learn: "{kind}" has no text to learn from; expected lines with words.')
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=model,
            model_type=method,
            vocab_size=int(size),
            character_coverage=1.0,  # every character that was seen can be written
            normalization_rule_name="identity",
            max_sentence_length=4 * max(map(len, texts)) + 1,  # bytes; longer lines would be left out
            pad_id=PAD, unk_id=UNKNOWN, bos_id=BEGIN, eos_id=END, unk_surface=SPECIALS[UNKNOWN],
            # SentencePiece cuts the names of special pieces out of what it learns from; no word has a space in it
            pad_piece="the padding", unk_piece="the unknown", bos_piece="the begin", eos_piece="the end",
            num_threads=1,  # sums in a fixed order
            minloglevel=2,
        )  # fmt: skip
    except (OSError, RuntimeError, ValueError) as error:
        raise _refusal(kind, str(error)) from error
    return SubwordVocabulary(kind, model.getvalue())


def _spaced(line: str) -> str:
    return HALF.sub("\N{REPLACEMENT CHARACTER}", " ".join(line.split()))


def _refusal(kind: str, why: str) -> DataError:
    method = kind.split(":", maxsplit=1)[0]
    most = re.search(r"<= (\d+)", why)
    if most:
        return DataError(
            f'learn: these lines give at most {most[1]} pieces, not "{kind}"; ask for "{method}:{most[1]}".'
        )
    least = re.search(r"\d+ vs (\d+)", why)
    if least:
        return DataError(
            f'learn: these lines need at least {least[1]} pieces to write every character, not "{kind}"; '
            f'ask for "{method}:{least[1]}" or more.'
        )
    return DataError(f'learn: SentencePiece can\'t learn "{kind}" from these lines ({why.strip()}).')


def _processor(kind: str, model: bytes) -> Any:
    sentencepiece = needed("sentencepiece", f'"{kind}"')
    if not model:
        raise damaged("the SentencePiece model", "it is empty")
    try:
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        processor.id_to_piece(list(range(len(processor))))  # these two refuse pieces that are not UTF-8
        processor.decode([UNKNOWN])
    except (RuntimeError, TypeError, ValueError) as error:
        raise damaged("the SentencePiece model", str(error).strip()) from error
    found = (processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id())
    if found != (PAD, UNKNOWN, BEGIN, END):
        raise damaged("the SentencePiece model", f"padding, unknown, begin and end are {found}, not (0, 1, 2, 3)")
    if len(processor) != int(kind.split(":")[1]):
        raise damaged("the SentencePiece model", f'it has {len(processor)} pieces, not those of "{kind}"')
    return processor
