"""Four regular languages: say a property of a whole string; train on lengths to 40, test on 41 to 500.

Source: Deletang et al. (2023), "Neural networks and the Chomsky hierarchy".
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recipes.learning.task import VALIDATION, Batch, Settings, Task, one_hot

LONGEST = 40  # that training sees
LONGER = (99, 199, 299, 399, 499)  # lengths that validation draws
PLUS, MINUS, TIMES = 5, 6, 7


class Language(NamedTuple):
    """One of the four.

    Attributes:
        title: Its name.
        symbols: How many symbols x has.
        classes: How many answers there are.
        draw: Draws strings (batch, length).
        label: The answer for every prefix: (batch, length).
    """

    title: str
    symbols: int
    classes: int
    draw: Callable[[np.random.Generator, int, int], np.ndarray]
    label: Callable[[np.ndarray], np.ndarray]


def parity(x: np.ndarray) -> np.ndarray:
    """The number of ones, mod 2."""
    return x.cumsum(axis=1) % 2


def even_pairs(x: np.ndarray) -> np.ndarray:
    """The number of neighbours that differ, mod 2: whether the first and the last symbol differ."""
    return x[:, :1] ^ x


def cycle_navigation(x: np.ndarray) -> np.ndarray:
    """The place on a ring of five, after steps of -1, 0 or +1 from place 0."""
    return (x.astype(np.int64) - 1).cumsum(axis=1) % 5


def modular_arithmetic(x: np.ndarray) -> np.ndarray:
    """The value mod 5 of digits with + - * between them, products first."""
    total = np.zeros(len(x), dtype=np.int64)
    product = x[:, 0].astype(np.int64)
    values = [product]
    for operator, digit in zip(x[:, 1::2].T, x[:, 2::2].T, strict=False):
        times = operator == TIMES
        total = np.where(times, total, total + product) % 5
        product = np.where(times, product * digit, np.where(operator == MINUS, -1, 1) * digit.astype(np.int64))
        values += [values[-1], (total + product) % 5]  # after an operator there is nothing new to say
    return np.stack(values, axis=1) % 5


def letters(size: int) -> Callable[[np.random.Generator, int, int], np.ndarray]:
    """Draw each symbol with equal chances."""
    return lambda rng, batch, length: rng.integers(0, size, (batch, length))


def sums(rng: np.random.Generator, batch: int, length: int) -> np.ndarray:
    """Draw digits with operators between them; an even length loses its last symbol."""
    x = rng.integers(0, 5, (batch, length - (length + 1) % 2))
    x[:, 1::2] = rng.integers(PLUS, TIMES + 1, x[:, 1::2].shape)
    return x


LANGUAGES = {
    "parity_check": Language("Parity", 2, 2, letters(2), parity),
    "even_pairs": Language("Even pairs", 2, 2, letters(2), even_pairs),
    "cycle_navigation": Language("Cycle navigation", 3, 5, letters(3), cycle_navigation),
    "modular_arithmetic_simple": Language("Modular arithmetic", 8, 5, sums, modular_arithmetic),
}


class Regular(Task):
    """Percent of strings answered right, each length counting as much."""

    measure, better, goal = "percent right at lengths 41 to 500", "higher", 99.5
    settings = Settings(
        hidden=64, batch=64, steps=20_000, check_every=500, learning_rate=5e-3, average=0.99, enough=100.0
    )

    def __init__(self, data: Path, name: str) -> None:
        self.data, self.name, self.language = data, name, LANGUAGES[name]
        self.title = self.language.title
        self.inputs, self.outputs = self.language.symbols, self.language.classes
        rng = np.random.default_rng(VALIDATION)
        self._fresh = [self.language.draw(rng, 128, length) for length in LONGER]

    def batch(self, rng: np.random.Generator) -> Batch:
        """Draw strings of 1 to 40 symbols, padded behind their end."""
        x = self.language.draw(rng, self.settings.batch, LONGEST)
        last = rng.integers(0, LONGEST, len(x))
        if self.language.draw is sums:
            last -= last % 2  # ends on a digit
        label = self.language.label(x)[np.arange(len(x)), last]
        return Batch(one_hot(x, self.inputs), torch.from_numpy(label), torch.from_numpy(last))

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """The cross-entropy of the answer after the last symbol of each string."""
        return F.cross_entropy(model(batch.x, batch.where), batch.target)

    def validation(self, model: nn.Module) -> float:
        """The percentage right of fresh strings, most of them longer than those of training."""
        return self._right(model, [(x, self.language.label(x)[:, -1]) for x in self._fresh])

    def test(self, model: nn.Module) -> float:
        """The percentage right of the kept strings."""
        with np.load(self.data / "synthetic" / f"regular_{self.name}.npz") as file:
            lengths = sorted(int(name[1:]) for name in file.files if name.startswith("x"))
            return self._right(model, [(file[f"x{length}"], file[f"y{length}"]) for length in lengths])

    def _right(self, model: nn.Module, groups: list[tuple[np.ndarray, np.ndarray]]) -> float:
        shares = []
        for x, label in groups:
            last = torch.full((len(x),), x.shape[1] - 1)
            said = model(one_hot(x, self.inputs), last).argmax(-1).numpy()
            shares.append((said == label).mean())
        return 100 * float(np.mean(shares))
