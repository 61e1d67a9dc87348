"""What is chosen from the data where nothing was asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.util import find_spec
from typing import NamedTuple

from everystep.text import Pairs, Vocabulary
from everystep.translate.choices import Choices

MANY_WORDS = 12_000  # from so many on, pieces of words serve better
PIECES = 8000
# Batches in an epoch. Multi30k in 176, 352 and 704 has a validation loss of 4.06, 3.60 and 3.10 nats after three
# epochs; the last takes a sixth longer than the first.
STEPS = 700
MOST_SYMBOLS, LEAST_SYMBOLS = 4096, 256  # of a batch


class Usual(NamedTuple):
    """What serves for texts up to a size."""

    symbols: float  # of the training text, on the longer side
    embedding: int
    hidden: int
    dropout: float
    label_smoothing: float
    epochs: int
    patience: int


# The first two are those of recipes, for spelling to phones and for dates (docs/recipes.md); the others grow from them.
USUAL = (
    Usual(60_000, 128, 256, 0.5, 0.1, 100, 25),
    Usual(200_000, 128, 256, 0.1, 0.0, 40, 10),
    Usual(5_000_000, 256, 512, 0.3, 0.1, 25, 10),
    Usual(math.inf, 512, 1024, 0.2, 0.1, 15, 10),
)


def kind_for(lines: Sequence[str]) -> str:
    """Choose the kind of vocabulary for the lines of one side.

    Lines that are one word each are read by the character. Else words are symbols, or, where there are very many and
    sentencepiece is installed, pieces of them.

    Example:
        >>> from everystep.translate.defaults import kind_for
        >>> kind_for(["cat", "dog"]), kind_for(["K AE T", "D AO G"])
        ('char', 'word')
    """
    single = sum(len(line.split()) < 2 for line in lines)
    if 2 * single > len(lines):
        return "char"
    words = {word for line in lines for word in line.split()}
    return f"bpe:{PIECES}" if len(words) > MANY_WORDS and find_spec("sentencepiece") else "word"


def metric_for(target: Vocabulary, lines: Sequence[str]) -> str:
    """Choose what tells which epoch is best: whole lines where they are short, else BLEU, else the loss."""
    length = sum(len(line.split()) for line in lines) / len(lines)
    if target.kind in {"char", "phones"} or length < 8:
        return "exact"
    return "bleu" if find_spec("sacrebleu") else "loss"


def filled(choices: Choices, pairs: Pairs, metric: str) -> Choices:
    """Fill in what was left open, by the size of the training text.

    Args:
        choices: What was asked for.
        pairs: The training pairs.
        metric: What tells which epoch is best, where it was left open.
    """
    symbols = sum(max(len(one), len(other)) for one, other in zip(pairs.source, pairs.target, strict=True))
    size = next(size for size in USUAL if symbols < size.symbols)
    batch = min(MOST_SYMBOLS, max(LEAST_SYMBOLS, symbols // STEPS))
    steps = math.ceil(symbols / (choices.training.batch_symbols or batch))
    usual = {
        "embedding": size.embedding,
        "hidden": size.hidden,
        "dropout": size.dropout,
        "label_smoothing": size.label_smoothing,
        "epochs": size.epochs,
        "warmup_steps": min(400, steps),
        "plateau": 2 if choices.training.schedule == "plateau" else None,
        "patience": size.patience,
        "batch_symbols": batch,
        "metric": metric,
    }
    asked = choices.flat()
    return choices.chosen(**{name: value for name, value in usual.items() if asked[name] is None})
