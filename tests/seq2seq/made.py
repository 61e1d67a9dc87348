"""Small models and batches for the tests of this room."""

from __future__ import annotations

from typing import Any

import torch

from everystep.seq2seq import Seq2Seq, Seq2SeqConfig
from everystep.text import PairBatch, pad

SOURCES = ([4, 5, 3], [6, 3], [7, 8, 8, 4, 5, 3])
TARGETS = ([5, 4, 3], [6, 7, 8, 4, 3], [5, 3])
SYMBOLS = 9

SHAPES: dict[str, dict[str, Any]] = {
    "none": {"attention": "none"},
    "none, fed": {"attention": "none", "input_feeding": True},
    "after": {"attention": "general"},
    "after, fed": {"attention": "additive", "input_feeding": True},
    "before": {"attention": "additive", "attend": "before"},
    "before, fed": {"attention": "scaled_dot", "attend": "before", "input_feeding": True},
    "location": {"attention": "location"},
    "coverage, fed": {"attention": "coverage", "input_feeding": True},
    "monotonic, before": {"attention": "monotonic", "attend": "before"},
}


def model(seed: int = 0, **settings: Any) -> Seq2Seq:
    torch.manual_seed(seed)
    sizes = {"source_symbols": SYMBOLS, "target_symbols": SYMBOLS, "embedding": 5, "hidden": 6}
    made = Seq2Seq.from_config(Seq2SeqConfig(**{**sizes, "cell": "gru", **settings})).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))  # biases of zero hide what forgets them
    return made


def batch(rows: Any = (0, 1, 2)) -> PairBatch:
    return PairBatch(*pad([SOURCES[row] for row in rows]), *pad([TARGETS[row] for row in rows]))


def forced_scores(network: Seq2Seq, pairs: PairBatch) -> torch.Tensor:
    """The log probability of each target, one step of a search after another."""
    memory = network.encode(pairs.source, pairs.source_lengths)
    state, total = network.start(memory), torch.zeros(pairs.source.shape[1], dtype=torch.float64)
    for t, symbols in enumerate(pairs.entering):
        scores, state, _ = network.advance(state, symbols, memory)
        said = scores.gather(1, pairs.target[t].unsqueeze(1)).squeeze(1)
        total = total + torch.where(t < pairs.target_lengths, said, 0)
    return total
