"""The adding problem: say the sum of the two marked values of a sequence of 200.

Source: Hochreiter & Schmidhuber (1997), "Long short-term memory", experiment 4; at one length and with values in [0, 1)
as in Le, Jaitly & Hinton (2015), "A simple way to initialize recurrent networks of rectified linear units". Here the
marks may stand anywhere.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recipes.learning.task import VALIDATION, Batch, Settings, Task

STEPS = 200


class Adding(Task):
    """Mean squared error of the sum; 1/6 by saying 1 always."""

    name, title = "adding", f"Adding problem, {STEPS} steps"
    measure, better, goal = "mean squared error", "lower", 1e-3
    inputs, outputs = 2, 1
    settings = Settings(hidden=64, batch=50, steps=6000, check_every=250, learning_rate=4e-3, enough=5e-4)

    def __init__(self, data: Path) -> None:
        self.data = data

    def batch(self, rng: np.random.Generator) -> Batch:
        """Draw values and marks."""
        return drawn(rng, self.settings.batch)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """The squared error of what is said after the last step."""
        return F.mse_loss(model(batch.x, batch.where)[:, 0], batch.target)

    def validation(self, model: nn.Module) -> float:
        """The loss on a thousand fresh sequences."""
        return self.loss(model, drawn(np.random.default_rng(VALIDATION), 1000)).item()

    def test(self, model: nn.Module) -> float:
        """The loss on the kept thousand."""
        return self.loss(model, kept(self.data)).item()


def drawn(rng: np.random.Generator, batch: int) -> Batch:
    """Draw sequences (batch, 200) of values and marks."""
    first, further = rng.integers(0, STEPS, batch), rng.integers(1, STEPS, batch)
    marked = np.stack([first, (first + further) % STEPS], axis=1)  # two different places
    return made(rng.random((batch, STEPS), dtype=np.float32), marked)


def made(values: np.ndarray, marked: np.ndarray) -> Batch:
    """Put marks beside values; the target is the sum of the marked ones."""
    marks = np.zeros_like(values)
    np.put_along_axis(marks, marked.astype(np.int64), 1, axis=1)
    x = torch.from_numpy(np.stack([values.T, marks.T], axis=-1))  # (time, batch, 2)
    last = torch.full((len(values),), values.shape[1] - 1)
    return Batch(x, torch.from_numpy((values * marks).sum(axis=1)), last)


def kept(data: Path) -> Batch:
    """Read the test set."""
    with np.load(data / "synthetic" / f"adding_T{STEPS}.npz") as file:
        return made((file["values_u16"] / 65536).astype(np.float32), file["positions"])
