"""What a task is: fresh batches to train on, a validation made the same way, a kept test set, and a goal."""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

VALIDATION = 1_000_003  # a seed that no training batch is drawn from


class Batch(NamedTuple):
    """Sequences and what is to be said about them."""

    x: Tensor  # (time, batch, input)
    target: Tensor
    where: Any = None  # which steps the target speaks of, as the task has it


class Settings(NamedTuple):
    """One budget for every cell of a task."""

    hidden: int
    batch: int
    steps: int
    check_every: int  # steps between two validations
    learning_rate: float
    clip: float = 1.0  # largest norm of the gradient
    dropout: float = 0.0  # of the cell's output, in front of the readout
    input_dropout: float = 0.0  # of x
    weight_decay: float = 0.0
    warmup: int = 0  # steps in which the learning rate rises
    average: float = 0.0  # how much of their running mean weights keep at a step; the mean is what is judged
    enough: float | None = None  # the validation at which training stops; None: it goes through all its steps

    def rate(self, step: int) -> float:
        """Give the learning rate of a step: it rises in a line, and falls to a hundredth along a half cosine."""
        risen = min(1.0, (step + 1) / max(1, self.warmup))
        return self.learning_rate * risen * (0.505 + 0.495 * math.cos(math.pi * step / self.steps))


class Task:
    """A task. Scores of ``validation`` and ``test`` are of one kind; ``better`` says which way is up."""

    name: str
    title: str
    measure: ClassVar[str]  # what the score is
    better: ClassVar[str]  # "lower" or "higher"
    goal: ClassVar[float]
    seeds: ClassVar[int] = 3  # of the cells of the lecture notes; the others have one
    inputs: int
    outputs: int
    cells: ClassVar[tuple[str, ...] | None] = None  # None: every registered cell
    settings: Settings

    @property
    def short_title(self) -> str:
        """Give the title up to its first comma, for the head of a column."""
        return self.title.partition(",")[0]

    def batch(self, rng: np.random.Generator) -> Batch:
        """Draw a batch to train on."""
        raise NotImplementedError

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Give what training lowers."""
        raise NotImplementedError

    def validation(self, model: nn.Module) -> float:
        """Score a model on fresh data."""
        raise NotImplementedError

    def test(self, model: nn.Module) -> float:
        """Score a model on the kept test set; asked once, after training."""
        raise NotImplementedError

    def as_good(self, score: float, other: float) -> bool:
        """Say whether a score is as good as another, or better."""
        return score <= other if self.better == "lower" else score >= other


def one_hot(symbols: np.ndarray, size: int) -> Tensor:
    """Turn symbols (batch, time) into x (time, batch, size)."""
    return torch.from_numpy(np.eye(size, dtype=np.float32)[symbols.T])
