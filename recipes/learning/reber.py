"""The embedded Reber grammar: predict the next symbol; the last but one is the second, whatever came between.

    Reber:     B (T S* X | P T* V) ...          the seven-state graph below
    embedded:  B T Reber T E  or  B P Reber P E

Source: Hochreiter & Schmidhuber (1997), "Long short-term memory", experiment 1; Reber (1967) for the graph.
"""

from __future__ import annotations

import gzip
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recipes.learning.task import VALIDATION, Batch, Settings, Task, one_hot

SYMBOLS = "BTPSXVE"
GRAPH: tuple[dict[str, int], ...] = (
    {"B": 1},
    {"T": 2, "P": 3},
    {"S": 2, "X": 4},
    {"T": 3, "V": 5},
    {"X": 3, "S": 6},
    {"P": 4, "V": 6},
    {"E": 7},
    {},
)
PAD = -100  # what cross_entropy leaves out


class Reber(Task):
    """Percent of strings in which, at every symbol, each legal successor ranks above each illegal one."""

    name, title = "reber", "Embedded Reber grammar, 40,000 sequences"
    measure, better, goal, seeds = "percent of strings all right", "higher", 100.0, 10
    inputs = outputs = len(SYMBOLS)
    settings = Settings(hidden=32, batch=16, steps=2500, check_every=125, learning_rate=1e-2)

    def __init__(self, data: Path) -> None:
        self.data = data

    def batch(self, rng: np.random.Generator) -> Batch:
        """Draw strings."""
        return coded([drawn(rng) for _ in range(self.settings.batch)])

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """The cross-entropy of the next symbol."""
        return F.cross_entropy(model(batch.x).flatten(0, 1), batch.target.flatten(), ignore_index=PAD)

    def validation(self, model: nn.Module) -> float:
        """The percentage of fresh strings."""
        return all_right(model, self._fresh)

    def test(self, model: nn.Module) -> float:
        """The percentage of the different strings among ten thousand kept ones."""
        path = self.data / "synthetic" / "embedded_reber_eval10000.txt.gz"
        with gzip.open(path, "rt", encoding="ascii") as file:
            return all_right(model, sorted(set(file.read().split())))

    @cached_property
    def _fresh(self) -> list[str]:
        rng = np.random.default_rng(VALIDATION)
        return sorted({drawn(rng) for _ in range(4000)})


def drawn(rng: np.random.Generator) -> str:
    """Draw one string: at each branch of the graph one way or the other with equal chances."""
    node, inner = 0, ""
    while GRAPH[node]:
        symbols = list(GRAPH[node])
        symbol = symbols[int(rng.random() * len(symbols))]
        inner, node = inner + symbol, GRAPH[node][symbol]
    ends = "TP"[int(rng.random() * 2)]
    return f"B{ends}{inner}{ends}E"


def legal(string: str) -> list[set[str]]:
    """Say what may follow each symbol but the last."""
    node, inner = 0, []
    for symbol in string[2:-2]:
        inner.append(set(GRAPH[node]))
        node = GRAPH[node][symbol]
    return [{"T", "P"}, *inner, {string[1]}, {"E"}]


def coded(strings: list[str]) -> Batch:
    """Code strings as one-hot x; the target is the next symbol, PAD past the end."""
    longest = max(map(len, strings))
    codes = np.full((len(strings), longest), PAD)
    for row, string in zip(codes, strings, strict=True):
        row[: len(string)] = [SYMBOLS.index(symbol) for symbol in string]
    return Batch(one_hot(np.maximum(codes[:, :-1], 0), len(SYMBOLS)), torch.from_numpy(codes[:, 1:].T.copy()))


def all_right(model: nn.Module, strings: list[str]) -> float:
    """Give the percentage of strings whose every legal successor ranks above every illegal one."""
    may, used = allowed(strings)
    scores = model(coded(strings).x)
    lowest_legal = scores.masked_fill(~may, torch.inf).amin(-1)
    highest_illegal = scores.masked_fill(may, -torch.inf).amax(-1)
    right = (lowest_legal > highest_illegal) | ~used
    return 100 * right.all(0).float().mean().item()


def allowed(strings: list[str]) -> tuple[Tensor, Tensor]:
    """Give masks: legal successors (time, batch, symbol), and steps in use (time, batch)."""
    may = torch.zeros(max(map(len, strings)) - 1, len(strings), len(SYMBOLS), dtype=torch.bool)
    for column, string in enumerate(strings):
        for step, symbols in enumerate(legal(string)):
            may[step, column, [SYMBOLS.index(symbol) for symbol in symbols]] = True
    return may, may.any(-1)
