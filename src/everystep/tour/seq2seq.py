"""An encoder-decoder without attention: a sequence in, a sequence of another length out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from everystep.seq2seq import Seq2Seq, Seq2SeqConfig
from everystep.text import END, PAD, SPECIALS, PairBatch
from everystep.tour.reversal import BOUNDARY, LONGEST, SKIPPED, SYMBOLS, Pairs, draw_pairs

EMBEDDING, HIDDEN, BATCH, STEPS, RATE = 16, 64, 128, 1500, 0.01
TRAINED_UP_TO = 8
FIRST = len(SPECIALS)  # the number of symbol 0 in the model's vocabulary


def encoder_decoder() -> Seq2Seq:
    """Make the network: the encoder's last state is the decoder's first, and all that the decoder learns of it."""
    symbols = FIRST + SYMBOLS
    return Seq2Seq.from_config(
        Seq2SeqConfig(
            source_symbols=symbols, target_symbols=symbols, embedding=EMBEDDING, hidden=HIDDEN, cell="gru",
            bidirectional=False, attention="none", bridge="last",
        )
    )  # fmt: skip


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


def train(seed: int, steps: int = STEPS) -> Seq2Seq:
    """Train with cross-entropy on fresh batches, under teacher forcing: the symbol before is the right one."""
    torch.manual_seed(seed)
    network, generator = encoder_decoder(), torch.Generator().manual_seed(seed)
    adam = torch.optim.Adam(network.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, RATE, total_steps=steps, pct_start=0.15)
    for _ in range(steps):
        pairs = draw_pairs(3, TRAINED_UP_TO, BATCH, generator, held_back=False)
        adam.zero_grad()
        network.loss(as_batch(pairs)).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adam.step()
        schedule.step()
    return network


def whole_sequences(network: Seq2Seq, pairs: Pairs) -> Tensor:
    """Tell which sequences were said without one mistake, the end included: (batch,) bool."""
    said, target = say(network, pairs), as_batch(pairs).target
    return (said == target).all(0)


def say(network: Seq2Seq, pairs: Pairs) -> Tensor:
    """Say the likeliest symbol at each step and feed it back: (time, batch), padding after the end."""
    batch = as_batch(pairs)
    said = network.greedy(batch.source, batch.source_lengths, most=len(batch.target)).numbers
    return nn.functional.pad(said, (0, 0, 0, len(batch.target) - len(said)), value=PAD)


def as_batch(pairs: Pairs) -> PairBatch:
    """Number the symbols as a vocabulary does, after those that stand for none."""
    target = torch.where(pairs.target == BOUNDARY, END, pairs.target + FIRST)
    target = torch.where(pairs.target == SKIPPED, PAD, target)
    return PairBatch(pairs.source + FIRST, pairs.lengths, target, pairs.lengths + 1)


def _share(right: Tensor) -> float:
    return right.double().mean().item()


def _example(network: Seq2Seq) -> dict[str, list[int]]:
    """Take one held-back sequence of five through the network."""
    pairs = draw_pairs(5, 5, 200, torch.Generator().manual_seed(2), held_back=True)
    said = say(network, pairs) - FIRST
    return {"read": pairs.source[:, 0].tolist(), "said": said[:5, 0].tolist()}
