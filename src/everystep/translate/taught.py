"""Batches of pairs, each with how often the decoder is told the truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from everystep.errors import ArgumentError
from everystep.seq2seq import Seq2Seq
from everystep.seq2seq.schedules import exponential, inverse_sigmoid, linear
from everystep.text import PairBatch, Pairs, TokenBatches
from everystep.translate.choices import Training

SPEEDS = {"linear": "slope", "exponential": "base", "inverse_sigmoid": "k"}


class Taught(NamedTuple):
    """A batch, and the probability that the symbol before is told rather than taken from the decoder."""

    pairs: PairBatch
    truth: float


class TaughtBatches(TokenBatches):
    """Batches by number of symbols for scheduled sampling: what is told is a function of the step alone.

    Args:
        pairs: The pairs.
        training: The choices.
    """

    def __init__(self, pairs: Pairs, training: Training) -> None:
        assert training.batch_symbols is not None  # filled in
        super().__init__(pairs, training.batch_symbols, training.batch_pairs, training.seed)
        self._truth = schedule(training)

    def batch(self, epoch: int, index: int) -> Any:
        """Give one batch; the same bits each time it is asked for."""
        return Taught(super().batch(epoch, index), self._truth(epoch * len(self) + index))


def loss(model: Seq2Seq, batch: Taught) -> Tensor:
    """Give the mean cross-entropy of a target symbol."""
    return model.loss(batch.pairs, batch.truth)


def schedule(training: Training) -> Callable[[int], float]:
    """Choose how often the truth is told at a training step.

    Raises:
        ArgumentError: The schedule has no speed.
    """
    kind, speed = training.sampling, training.sampling_speed
    if kind == "none":
        return lambda _: 1.0
    if speed is None:
        raise ArgumentError(
            f'Translator: sampling is "{kind}" without sampling_speed; expected its {SPEEDS[kind]}, see '
            f"everystep.seq2seq.schedules.{kind}."
        )
    if kind == "linear":
        return lambda step: linear(step, speed, training.sampling_least)
    return {
        "exponential": lambda step: exponential(step, speed),
        "inverse_sigmoid": lambda s: inverse_sigmoid(s, speed),
    }[kind]
