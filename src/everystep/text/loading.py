"""Load a vocabulary from the files of a model directory. Loading runs no code."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from everystep.errors import EverystepError, MissingExtraError, ModelFileError
from everystep.text.learning import check_kind
from everystep.text.subwords import SubwordVocabulary
from everystep.text.symbolic import BETWEEN, SymbolicVocabulary
from everystep.text.vocabulary import Vocabulary
from everystep.text.vocabulary_file import damaged, from_bytes


def load_vocabulary(files: Mapping[str, bytes], name: str) -> Vocabulary:
    """Load a vocabulary that ``to_files(name)`` gave.

    Args:
        files: The bytes of each file, by file name; others than the vocabulary's are not looked at.
        name: The name that it was saved under.

    Returns:
        A vocabulary equal to the one that was saved.

    Raises:
        ModelFileError: A file is missing, damaged or of a newer format; it is named.
        MissingExtraError: sentencepiece is needed and not installed.

    Example:
        >>> from everystep.text import learn, load_vocabulary
        >>> words = learn(["a cat"], "word")
        >>> load_vocabulary(words.to_files("source"), "source") == words
        True
    """
    path = f"{name}.vocabulary.json"
    content = from_bytes(_there(files, path), path)
    kind = _kind(content, path)
    if kind in BETWEEN:
        return SymbolicVocabulary(kind, _symbols(content, path))
    return _subwords(kind, content, _there(files, f"{name}.sentencepiece"), f"{name}.sentencepiece")


def _there(files: Mapping[str, bytes], path: str) -> bytes:
    if path not in files:
        raise ModelFileError(f"{path} is missing: the model directory is not complete. Take it from a copy.")
    return files[path]


def _kind(content: dict[str, Any], path: str) -> str:
    kind = content.get("kind")
    try:
        check_kind(kind)  # pyright: ignore[reportArgumentType] - whatever it is
    except (EverystepError, TypeError) as error:
        raise damaged(path, str(error).rstrip(".")) from error
    assert isinstance(kind, str)  # no other value is a kind
    return kind


def _symbols(content: dict[str, Any], path: str) -> tuple[str, ...]:
    symbols = content.get("symbols")
    if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
        raise damaged(path, "its symbols are no list of texts")
    if len(set(symbols)) != len(symbols):
        raise damaged(path, "a symbol stands in it twice")
    return tuple(symbols)


def _subwords(kind: str, content: dict[str, Any], model: bytes, path: str) -> Vocabulary:
    if hashlib.sha256(model).hexdigest() != content.get("model_sha256"):
        raise damaged(path, "its checksum does not match")
    try:
        return SubwordVocabulary(kind, model)
    except MissingExtraError:
        raise
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error
