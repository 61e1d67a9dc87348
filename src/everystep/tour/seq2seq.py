"""An encoder-decoder of ordinary cells: a sequence in, a sequence of another length out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from everystep.cell import Cell
from everystep.cells import GRU, GRUState
from everystep.tour.reversal import BOUNDARY, LONGEST, SKIPPED, SYMBOLS, Pairs, draw_pairs
from everystep.unroll import generate, unroll

HIDDEN, BATCH, STEPS, RATE = 64, 128, 1500, 0.01
TRAINED_UP_TO = 8


class Decoder(Cell[GRUState]):
    """A GRU that reads the symbol before (one-hot) and puts out a score for every symbol that may come next."""

    State = GRUState

    def __init__(self, symbols: int, hidden_size: int) -> None:
        super().__init__(symbols, symbols, h=hidden_size)
        self.gru = GRU(symbols, hidden_size)
        self.readout = nn.Linear(hidden_size, symbols)

    def step(self, state: GRUState, x: Tensor) -> tuple[GRUState, Tensor]:
        """Take one step; y scores the next symbol."""
        state, h = self.gru.step(state, x)
        return state, self.readout(h)


class EncoderDecoder(nn.Module):
    """The encoder's last state is the decoder's first: the whole sequence has to pass through it."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = GRU(SYMBOLS, HIDDEN)
        self.decoder = Decoder(SYMBOLS + 1, HIDDEN)

    def encode(self, pairs: Pairs) -> GRUState:
        """Read each sequence to its own end."""
        return unroll(self.encoder, one_hot(pairs.source, SYMBOLS), lengths=pairs.lengths).state

    def forward(self, pairs: Pairs) -> Tensor:
        """Score each next symbol under teacher forcing: the symbol before is the right one."""
        right = pairs.target[:-1].clamp(min=0)
        before = torch.cat([torch.full_like(right[:1], BOUNDARY), right])
        return unroll(self.decoder, one_hot(before, SYMBOLS + 1), self.encode(pairs)).y

    def greedy(self, pairs: Pairs) -> Tensor:
        """Say the likeliest symbol at each step and feed it back, (time, batch)."""
        start = one_hot(torch.full_like(pairs.lengths, BOUNDARY), SYMBOLS + 1)
        scores = generate(self.decoder, len(pairs.target), start, _say, self.encode(pairs)).y
        return scores.argmax(-1)


def compute() -> tuple[dict[str, Any], dict[str, Any]]:
    """Train on sequences of 3 to 8 symbols; give the share of held-back sequences reversed without a mistake."""
    network = train(seed=0)
    generator = torch.Generator().manual_seed(1)
    usual = draw_pairs(3, TRAINED_UP_TO, 20_000, generator, held_back=True)
    longer = draw_pairs(TRAINED_UP_TO + 1, LONGEST, 20_000, generator, held_back=True)
    right, right_longer = whole_sequences(network, usual), whole_sequences(network, longer)
    figures = {
        "accuracy": _share(right),
        "accuracy_longer": _share(right_longer),
        "symbols": SYMBOLS,
        "trained_up_to": TRAINED_UP_TO,
        "sequences_tested": len(right),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
    }
    lengths, correct = torch.cat([usual.lengths, longer.lengths]), torch.cat([right, right_longer])
    by_length = {str(n): _share(correct[lengths == n]) for n in range(3, LONGEST + 1)}
    return figures, {"by_length": by_length, "example": _example(network)}


def train(seed: int, steps: int = STEPS) -> EncoderDecoder:
    """Train with cross-entropy on fresh batches, under teacher forcing."""
    torch.manual_seed(seed)
    network, generator = EncoderDecoder(), torch.Generator().manual_seed(seed)
    adam = torch.optim.Adam(network.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, RATE, total_steps=steps, pct_start=0.15)
    for _ in range(steps):
        pairs = draw_pairs(3, TRAINED_UP_TO, BATCH, generator, held_back=False)
        loss = F.cross_entropy(network(pairs).flatten(0, 1), pairs.target.flatten(), ignore_index=SKIPPED)
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adam.step()
        schedule.step()
    return network


def whole_sequences(network: EncoderDecoder, pairs: Pairs) -> Tensor:
    """Tell which sequences were said without one mistake, the end included: (batch,) bool."""
    with torch.no_grad():
        said = network.greedy(pairs)
    return ((said == pairs.target) | (pairs.target == SKIPPED)).all(0)


def one_hot(symbols: Tensor, size: int) -> Tensor:
    """Write whole numbers as one-hot rows, (..., size)."""
    return F.one_hot(symbols, size).float()


def _say(scores: Tensor) -> Tensor:
    return one_hot(scores.argmax(-1), SYMBOLS + 1)


def _share(right: Tensor) -> float:
    return right.double().mean().item()


def _example(network: EncoderDecoder) -> dict[str, list[int]]:
    """Take one held-back sequence of five through the network."""
    pairs = draw_pairs(5, 5, 200, torch.Generator().manual_seed(2), held_back=True)
    with torch.no_grad():
        said = network.greedy(pairs)
    return {"read": pairs.source[:, 0].tolist(), "said": said[:5, 0].tolist()}
