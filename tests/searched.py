"""Models that are quickly searched, and searches written as a textbook has them."""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

import everystep as es
from everystep.seq2seq.search import Limits, Ranking, Scores
from everystep.text.symbols import BEGIN, END, PAD, UNKNOWN

SPECIALS = (PAD, UNKNOWN, BEGIN)
WORDS = (4, 5, 6)
EVERY_RANKING = (
    Ranking(),
    Ranking("gnmt", alpha=0.6),
    Ranking("gnmt", alpha=2.0),
    Ranking("average"),
    Ranking("average", alpha=0.5, coverage=0.4),
    Ranking(coverage=1.0),
)


class Tables:
    """Log probabilities of a symbol after two others, a table for each source; attention likewise."""

    def __init__(self, tables: Tensor, looked: Tensor | None = None) -> None:
        self.tables = tables  # (sources, vocabulary, vocabulary, vocabulary)
        self.looked = looked  # (sources, vocabulary, vocabulary, positions)

    def start(self, memory: Tensor) -> tuple[Tensor]:
        return (torch.zeros_like(memory),)

    def advance(self, state: tuple[Tensor], symbols: Tensor, memory: Tensor) -> Scores:
        at = memory, state[0], symbols
        return Scores(self.tables[at], (symbols,), None if self.looked is None else self.looked[at])


def tables(seed: int, sources: int = 3, words: int = 3, spread: float = 1.5, positions: int = 4) -> Tables:
    """Make tables at random, float64."""
    generator = torch.Generator().manual_seed(seed)
    size = 4 + words
    drawn = torch.randn(sources, size, size, size, generator=generator, dtype=torch.float64)
    looked = torch.randn(sources, size, size, positions, generator=generator, dtype=torch.float64)
    return Tables((spread * drawn).log_softmax(-1), (2 * looked).softmax(-1))


class Read(NamedTuple):
    """What a :class:`Reader` knows of sources, rows first."""

    vectors: Tensor  # (rows, positions, size)
    within: Tensor  # (rows, positions) bool


class Reader(torch.nn.Module):
    """A recurrent decoder of any cell with attention by dot products, float64."""

    def __init__(self, cell: Any, vocabulary: int, positions: int = 5) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.cell = cell.double()
        self.embedding = torch.nn.Embedding(vocabulary, cell.input_size).double()
        self.readout = torch.nn.Linear(2 * cell.output_size, vocabulary).double()
        self.positions = positions
        with torch.no_grad():
            self.readout.weight *= 6  # far from even
            self.readout.weight[END] *= 0.5

    def read(self, lengths: Tensor, seed: int = 0) -> Read:
        generator = torch.Generator().manual_seed(seed)
        shape = (len(lengths), self.positions, self.cell.output_size)
        vectors = torch.randn(*shape, generator=generator, dtype=torch.float64)
        return Read(vectors, torch.arange(self.positions) < lengths[:, None])

    def start(self, memory: Read) -> Any:
        return self.cell.initial_state(len(memory.vectors), memory.vectors)

    def advance(self, state: Any, symbols: Tensor, memory: Read) -> tuple[Tensor, Any, Tensor]:
        state, y = self.cell.step(state, self.embedding(symbols))
        match = (memory.vectors @ y[:, :, None]).squeeze(2)
        looked = match.masked_fill(~memory.within, -math.inf).softmax(1).nan_to_num(0.0)
        context = (looked[:, None] @ memory.vectors).squeeze(1)
        return self.readout(torch.cat([y, context], 1)).log_softmax(1), state, looked


def reader(cell: str = "gru", vocabulary: int = 12) -> Reader:
    """Make a decoder at random."""
    torch.manual_seed(0)
    return Reader(es.cells.CELLS[cell](6, 8), vocabulary)


class Told(NamedTuple):
    """What a textbook's search finds."""

    symbols: list[int]
    score: float
    log_probability: float


def divisor(ranking: Ranking, n: int) -> float:
    """Give lp(n)."""
    return {"none": 1.0, "gnmt": ((5 + n) / 6) ** ranking.alpha, "average": n**ranking.alpha}[ranking.length_penalty]


@torch.no_grad()
def one_by_one(model: Any, memory: Tensor, symbols: list[int], ranking: Ranking, positions: int) -> Told:
    """Score an output by running the model over it, one symbol at a time."""
    state, total, covered = model.start(memory), 0.0, torch.zeros(positions, dtype=torch.float64)
    for before, after in itertools.pairwise([BEGIN, *symbols, END]):
        said, state, looked = model.advance(state, torch.tensor([before]), memory)
        total += float(said[0, after])
        covered += 0 if looked is None else looked[0, :positions]
    n = len(symbols) + 1
    coverage = sum(math.log(min(max(float(c), 1e-10), 1.0)) for c in covered)
    return Told(symbols, total / divisor(ranking, n) + ranking.coverage * coverage, total)


def exhaustive(
    model: Any, memory: Tensor, longest: int, ranking: Ranking, positions: int, shortest: int = 0
) -> list[Told]:
    """Score every output there is; the best first."""
    every = [list(said) for n in range(shortest, longest + 1) for said in itertools.product(WORDS, repeat=n)]
    found = [one_by_one(model, memory, said, ranking, positions) for said in every]
    return sorted(found, key=lambda told: -told.score)


@torch.no_grad()
def plain_beam(model: Any, memory: Any, width: int, limits: Limits, source: int, ranking: Ranking) -> list[Told]:
    """Search one sentence as a textbook has it: lists, one hypothesis at a time, and no stopping before the end."""
    live, ended, room = [([], 0.0, model.start(memory))], [], width
    for _ in range(limits.longest(source) + 1):
        branches = []
        for place, (symbols, total, state) in enumerate(live):
            said, after, _ = model.advance(state, torch.tensor([symbols[-1] if symbols else BEGIN]), memory)
            for symbol, own in enumerate(said[0].tolist()):
                if may_follow(symbols, symbol, limits, source) and own > -math.inf:
                    branches.append((-(total + own), place, -own, symbol, [*symbols, symbol], total + own, after))
        branches.sort(key=lambda branch: branch[:4])
        ended += [b for b in branches[:room] if b[3] == END]
        live = [b[4:] for b in branches[:room] if b[3] != END]
        room -= sum(b[3] == END for b in branches[:room])
    found = [one_by_one(model, memory, b[4][:-1], ranking, source) for b in ended]
    return sorted(found, key=lambda told: -told.score)


def may_follow(symbols: list[int], symbol: int, limits: Limits, source: int) -> bool:
    """Tell whether the limits let a symbol follow others."""
    if len(symbols) >= limits.longest(source):
        return symbol == END
    if symbol == END:
        return len(symbols) >= limits.shortest(source)
    size, said = limits.block, [*symbols, symbol]
    grams = [tuple(said[i : i + size]) for i in range(len(said) - size + 1)] if size else []
    return symbol not in limits.forbidden and len(grams) == len(set(grams))
