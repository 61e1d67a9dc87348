"""The vocabularies of a translator: one for each side, or one for both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from everystep.errors import ArgumentError
from everystep.text import ParallelText, Vocabulary, check_kind, learn, load_vocabulary
from everystep.translate.choices import Text
from everystep.translate.defaults import kind_for


class Vocabularies(NamedTuple):
    """Both sides."""

    source: Vocabulary
    target: Vocabulary

    def to_files(self) -> dict[str, bytes]:
        """Give the files to save, by name."""
        return {**self.source.to_files("source"), **self.target.to_files("target")}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Vocabularies:
        """Load what ``to_files`` gave.

        Raises:
            ModelFileError: A file is missing or damaged; it is named.
        """
        return cls(load_vocabulary(files, "source"), load_vocabulary(files, "target"))


def learn_vocabularies(text: ParallelText, choices: Text) -> Vocabularies:
    """Learn the symbols of both sides from the training text.

    Raises:
        UnknownNameError: There is no such kind of vocabulary.
        ArgumentError: One vocabulary for both sides is asked for with two kinds.
        DataError: A side has nothing to learn from, or too little.
    """
    if choices.shared:
        return _shared(text, choices)
    source = choices.tokens or kind_for(text.source)
    target = choices.target_tokens or choices.tokens or kind_for(text.target)
    return Vocabularies(_learned(text.source, source, choices), _learned(text.target, target, choices))


def _shared(text: ParallelText, choices: Text) -> Vocabularies:
    kind = choices.tokens or kind_for([*text.source, *text.target])
    if choices.target_tokens not in {None, kind}:
        raise ArgumentError(
            f'Translator: shared is true, with tokens "{kind}" and target_tokens "{choices.target_tokens}"; expected '
            "one kind for one vocabulary: leave target_tokens out."
        )
    both = _learned([*text.source, *text.target], kind, choices)
    return Vocabularies(both, both)


def _learned(lines: list[str] | tuple[str, ...], kind: str, choices: Text) -> Vocabulary:
    check_kind(kind)
    counted = {} if kind not in {"word", "char"} else {
        "minimum_count": choices.minimum_count,
        "maximum_size": choices.maximum_size,
    }  # fmt: skip
    return learn(lines, kind, **counted)
