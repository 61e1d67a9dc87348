"""What is chosen from the data where nothing was asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.util import find_spec

from everystep.text import Pairs, Vocabulary
from everystep.translate.choices import Choices

MANY_WORDS = 12_000  # from so many on, pieces of words serve better
PIECES = 8000
SMALL, MEDIUM = 200_000, 5_000_000  # symbols of the training text
STEPS = 100  # batches in an epoch that a small text is cut into, at least
MOST_SYMBOLS, LEAST_SYMBOLS = 4096, 256  # of a batch


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
    size = 0 if symbols < SMALL else 1 if symbols < MEDIUM else 2
    batch = min(MOST_SYMBOLS, max(LEAST_SYMBOLS, symbols // STEPS))
    steps = math.ceil(symbols / (choices.training.batch_symbols or batch))
    usual = {
        "embedding": (128, 256, 512)[size],
        "hidden": (256, 512, 1024)[size],
        "dropout": (0.1, 0.3, 0.2)[size],
        "label_smoothing": (0.0, 0.1, 0.1)[size],
        "epochs": (40, 25, 15)[size],
        "warmup_steps": min(400, steps),
        "plateau": 2 if choices.training.schedule == "plateau" else None,
        "patience": 10,
        "batch_symbols": batch,
        "metric": metric,
    }
    asked = choices.flat()
    return choices.chosen(**{name: value for name, value in usual.items() if asked[name] is None})
