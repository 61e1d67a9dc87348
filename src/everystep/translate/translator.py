"""``Translator``: fit, translate, score, save and load."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from everystep.errors import ArgumentError, NotFittedError, check_whole
from everystep.text import ParallelText, Score, encode_lines, read_parallel, score
from everystep.text.lines import check_entry
from everystep.train import Run, Trained
from everystep.translate import saving
from everystep.translate.answers import Translation, answered, check_length
from everystep.translate.choices import Choices, Searching, from_flat
from everystep.translate.fitted import Fitted, check_alike, search
from everystep.translate.fitting import Fit, fit_translator
from everystep.translate.judging import judged

Lines = str | os.PathLike[str] | Sequence[str]
Parallel = ParallelText | tuple[Lines, Lines]


class Translator:
    """Turn lines into other lines with a recurrent encoder-decoder: languages, spellings, dates, sums.

    What is not chosen is chosen from the data: a newcomer gives two texts and nothing else.

    Args:
        tokens: ``"word"``, ``"char"``, ``"phones"``, ``"bpe:8000"`` or ``"unigram:8000"``; None: by the text.
        progress: ``"auto"``, ``"plain"`` or ``"quiet"``.
        **settings: Any other setting of a configuration file, by its name: ``hidden=512``, ``epochs=10``,
            ``metric="chrf"``, ``beam=8``; docs/translate.md lists them.

    Raises:
        UnknownNameError: There is no such setting; the nearest is named.
        ArgumentError: A value has the wrong type, or is out of range.

    Example:
        >>> import everystep as es
        >>> words = ["ab", "ba", "aab", "abb", "bab", "bba"] * 4
        >>> backwards = [word[::-1] for word in words]
        >>> translator = es.Translator(hidden=16, embedding=8, epochs=1, batch_symbols=8, progress="quiet")
        >>> translator = translator.fit((words, backwards), (words[:6], backwards[:6]))
        >>> isinstance(translator.translate("abab"), str)
        True
    """

    def __init__(self, tokens: str | None = None, *, progress: str = "auto", **settings: Any) -> None:
        self.choices = from_flat("Translator", {"tokens": tokens, **settings})
        self.progress = progress
        self._models: tuple[Fitted, ...] = ()

    @classmethod
    def from_choices(cls, choices: Choices, progress: str = "auto") -> Self:
        """Make a translator of choices that were read from a configuration file."""
        return cls(progress=progress, **choices.flat())

    def fit(self, train: Parallel, valid: Parallel, *, run: Run | None = None) -> Self:
        """Learn from one text; the epoch is kept that is best on the other.

        Args:
            train: Source and target: two paths, two lists of lines, or what ``everystep.text.read_pairs`` gives.
            valid: The same, of lines that are not trained on.
            run: Where to keep the training run, so that a killed one goes on; None keeps it in memory.

        Returns:
            The translator itself.

        Raises:
            DataError: A text can't be used as it is; file and line are named.
            RunError: The directory holds another run, or something else.
        """
        self._fit = fit_translator(_read(train), _read(valid), self.choices, run=run, progress=self.progress)
        self._models = (self._fit.fitted,)
        return self

    @property
    def fitted(self) -> Fitted:
        """The fitted model.

        Raises:
            NotFittedError: ``fit`` was not called.
        """
        return self._asked("fitted")[0]

    @property
    def last_fit(self) -> Fit:
        """How the last ``fit`` went.

        Raises:
            NotFittedError: ``fit`` was not called in this process.
        """
        if not hasattr(self, "_fit"):
            raise NotFittedError("Translator: last_fit was asked before fit; a loaded model has none.")
        return self._fit

    @property
    def trained(self) -> Trained:
        """How the training run of the last ``fit`` went."""
        return self.last_fit.trained

    def translate(self, lines: str | Sequence[str], *, beam: int | None = None) -> Any:
        """Translate.

        Args:
            lines: One line, or several; an empty one gives an empty one.
            beam: Hypotheses at a time; 1 is greedy; None: as the translator was made.

        Returns:
            The translation of one line, or a list with that of each.

        Raises:
            NotFittedError: ``fit`` was not called.
            DataError: An entry is no line of text, or far too long.
        """
        if isinstance(lines, str):
            return self.translate([lines], beam=beam)[0]
        return [best[0].text for best in self.translations(lines, beam=beam)]

    def translations(
        self, lines: Sequence[str], *, beam: int | None = None, n_best: int = 1
    ) -> list[list[Translation]]:
        """Translate, and tell the best few of each line with scores and where the model looked.

        Args:
            lines: Several lines.
            beam: As for :meth:`translate`; ``n_best`` where it is less.
            n_best: Translations of each line, 1 or more.

        Returns:
            For each line its translations, best first; an empty line has one, empty.
        """
        models = self._asked("translate")
        how = self._how(beam, n_best)
        for number, line in enumerate(lines, start=1):
            check_entry("Translator", number, line)
        source = models[0].vocabularies.source
        encoded = encode_lines(lines, source)
        check_length(encoded, "the list: entry")
        kept = [row for row, line in enumerate(lines) if line.strip()]
        found = search(models, [encoded[row] for row in kept], how, n_best)
        return answered(lines, dict(zip(kept, found, strict=True)), encoded, models[0].vocabularies)

    def score(self, source: Lines, target: Lines, *, metric: str = "bleu", beam: int | None = None) -> Score:
        """Translate a text and score what is said against the target.

        A source that comes several times, each time with another target, is translated once; any of its targets is
        right for ``"wer"``, ``"per"`` and ``"exact"``.

        Args:
            source: A path, or lines.
            target: The same for the other side.
            metric: A name in ``everystep.text.METRICS``.
            beam: As for :meth:`translate`.

        Raises:
            UnknownNameError: There is no such metric.
            DataError: The texts can't be used as they are.
            MissingExtraError: What computes the metric is not installed.
        """
        return self.scores(source, target, metrics=[metric], beam=beam)[metric]

    def scores(
        self, source: Lines, target: Lines, *, metrics: Sequence[str], beam: int | None = None
    ) -> dict[str, Score]:
        """Translate a text once and score it by several metrics: see :meth:`score`."""
        for metric in metrics:
            score(metric, ["a"], ["a"])  # what is unknown or not installed is refused before the work
        text = read_parallel(source, target, empty="keep")
        distinct = list(dict.fromkeys(text.source))
        said = dict(zip(distinct, self.translate(distinct, beam=beam), strict=True))
        return {metric: judged(metric, said, text) for metric in metrics}

    def save(self, directory: str | Path, metrics: dict[str, Any] | None = None) -> None:
        """Save the translator into a model directory.

        Args:
            directory: A directory that is missing, empty, or was made by everystep.
            metrics: How good the model is, as plain values.

        Raises:
            NotFittedError: ``fit`` was not called.
            RunError: The directory holds something else.
        """
        saving.save(directory, self._asked("save")[0], metrics or {})

    @classmethod
    def load(cls, directory: str | Path, *others: str | Path) -> Self:
        """Load a translator that ``save`` or ``everystep translate fit`` made; several directories are an ensemble.

        Args:
            directory: The model directory.
            *others: More of them, with the same vocabularies.

        Raises:
            ModelFileError: A file is missing, damaged, or of a newer format; it is named.
            ArgumentError: Their vocabularies differ.
        """
        models = tuple(saving.load(one)[0] for one in (directory, *others))
        check_alike(models, [str(one) for one in (directory, *others)])
        translator = cls.from_choices(models[0].choices)
        translator._models = models  # noqa: SLF001
        return translator

    def _asked(self, what: str) -> tuple[Fitted, ...]:
        if not self._models:
            raise NotFittedError(
                f"Translator: {what} was asked before fit; call fit(train, valid), or Translator.load(directory)."
            )
        return self._models

    def _how(self, beam: int | None, n_best: int) -> Searching:
        usual = self.choices.search.beam
        for name, value in (("beam", usual if beam is None else beam), ("n_best", n_best)):
            check_whole("Translator", name, value)
        return self.choices.search.model_copy(update={"beam": max(usual if beam is None else beam, n_best)})


def _read(text: Parallel) -> ParallelText:
    if isinstance(text, ParallelText):
        return text
    if not isinstance(text, tuple) or len(text) != 2:
        raise ArgumentError(
            f"Translator: a text is {type(text).__name__}; expected (source, target): two paths, or two lists of lines."
        )
    return read_parallel(*text)
