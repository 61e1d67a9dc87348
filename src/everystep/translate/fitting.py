"""Fit a translator: learn vocabularies, make the model, train it, keep what validation chose."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch

from everystep.errors import ArgumentError
from everystep.seq2seq import Seq2Seq, Seq2SeqConfig
from everystep.text import Pairs, ParallelText, TokenBatches, encode_pairs
from everystep.train import Run, Settings, Trained, train
from everystep.train.threads import one_thread
from everystep.translate.choices import Choices
from everystep.translate.defaults import filled, metric_for
from everystep.translate.fitted import Fitted, bounds_of
from everystep.translate.taught import TaughtBatches, loss
from everystep.translate.validation import Validation
from everystep.translate.vocabularies import Vocabularies, learn_vocabularies

FEW_UNITS = 128  # up to so many a second thread costs more than it brings, many times more on a busy machine


@dataclass(frozen=True)
class Fit:
    """A fitted translator, and how it came about.

    Attributes:
        fitted: The translator.
        trained: How the run went.
        pairs: The training pairs.
        judged: How many pairs validation has.
        figures: What validation says of the weights that were kept.
        notes: What was left out and what is unknown.
    """

    fitted: Fitted
    trained: Trained
    pairs: Pairs
    judged: int
    figures: Mapping[str, float]
    notes: tuple[str, ...]


def fit_translator(
    text: ParallelText, valid: ParallelText, choices: Choices, *, run: Run | None = None, progress: str = "auto"
) -> Fit:
    """Fit on one text; the weights are those that are best on the other.

    Args:
        text: What is learned from.
        valid: What chooses among epochs.
        choices: What was asked for.
        run: Where to keep the training run; None keeps it in memory.
        progress: ``"auto"``, ``"plain"`` or ``"quiet"``.
    """
    fitted, pairs = untrained(text, valid, choices)
    choices = fitted.choices
    judged = encode_pairs(valid, *fitted.vocabularies)
    batches = TaughtBatches(pairs, choices.training)
    validation = Validation(fitted, judged, valid)
    if run is not None:
        run = replace(run, about={**run.about, **_about(choices), **_told(judged)})
    settings = settings_of(choices)
    with one_thread() if (choices.model.hidden or 0) <= FEW_UNITS else nullcontext():
        trained = train(fitted.model, loss, batches, settings, validate=validation, run=run, progress=progress)
        fitted.model.eval()
        figures = validation(fitted.model)
    return Fit(fitted, trained, pairs, len(judged), figures, (*pairs.notes, *judged.notes))


def untrained(text: ParallelText, valid: ParallelText, choices: Choices) -> tuple[Fitted, Pairs]:
    """Learn the vocabularies, fill in what was left open, make the model with its first weights.

    Args:
        text: What is going to be learned from.
        valid: What is going to choose among epochs.
        choices: What was asked for.

    Returns:
        The translator that knows nothing yet, and the training pairs.
    """
    vocabularies = learn_vocabularies(text, choices.text)
    pairs = encode_pairs(text, *vocabularies, max_length=choices.text.max_length)
    choices = filled(choices, pairs, metric_for(vocabularies.target, valid.target))
    return Fitted(_model(choices, vocabularies), vocabularies, choices, *bounds_of(pairs)), pairs


def config_of(choices: Choices, vocabularies: Vocabularies) -> Seq2SeqConfig:
    """Give what the model is made of."""
    source, target = map(len, vocabularies)
    return Seq2SeqConfig(source_symbols=source, target_symbols=target, **choices.model.model_dump())


def _model(choices: Choices, vocabularies: Vocabularies) -> Seq2Seq:
    if choices.model.tied == "all" and not choices.text.shared:
        raise ArgumentError(
            'Translator: tied is "all" and shared is false; expected one vocabulary for both sides: shared = true.'
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(choices.training.seed)
        return Seq2Seq.from_config(config_of(choices, vocabularies))


def settings_of(choices: Choices) -> Settings:
    """Give how the model is trained."""
    asked = choices.training.model_dump()
    return Settings(**{name: asked[name] for name in Settings.__dataclass_fields__ if name in asked})


def _about(choices: Choices) -> dict[str, Any]:
    """Name what has to be the same for a run to go on, besides the data and the training settings."""
    later = {*Settings.__dataclass_fields__, *choices.search.model_dump()}
    return {name: value for name, value in choices.flat().items() if name not in later}


def _told(judged: Pairs) -> dict[str, Any]:
    facts = TokenBatches(judged, 1).facts()
    return {"validation": [facts["source"], facts["target"]]}
