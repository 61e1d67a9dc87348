"""A small model learns a small task in seconds."""

from __future__ import annotations

import torch

from everystep.seq2seq import Seq2Seq, Seq2SeqConfig
from everystep.text import END, PairBatch

SYMBOLS, LONGEST = 10, 7


def reversals(rows: int, generator: torch.Generator) -> PairBatch:
    """Sequences of 2 to 6 symbols and an end; the target says them backwards."""
    lengths = torch.randint(2, LONGEST, (rows,), generator=generator)
    words = torch.randint(4, SYMBOLS, (LONGEST, rows), generator=generator)
    place = torch.arange(LONGEST).unsqueeze(1)
    source = torch.where(place < lengths, words, torch.where(place == lengths, END, 0))
    backwards = words.gather(0, (lengths - 1 - place).clamp(min=0))
    return PairBatch(source, lengths + 1, torch.where(place < lengths, backwards, source), lengths + 1)


def test_a_reversal_is_learned_with_attention():
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    network = Seq2Seq.from_config(
        Seq2SeqConfig(source_symbols=SYMBOLS, target_symbols=SYMBOLS, embedding=16, hidden=32, cell="gru")
    )
    adam = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(150):
        adam.zero_grad()
        network.loss(reversals(64, generator)).backward()
        adam.step()
    unseen = reversals(500, torch.Generator().manual_seed(1))
    said = network.eval().greedy(unseen.source, unseen.source_lengths, most=LONGEST).numbers
    right = (said == unseen.target[: len(said)]).all(0).double().mean().item()
    assert right > 0.9  # by chance it is 1 in 6^n; 0.97 to 0.99 were seen with these seeds
