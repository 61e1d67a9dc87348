"""A translator of words written backwards, small enough to be trained in a few seconds."""

from __future__ import annotations

import random
from pathlib import Path

SETTINGS = {"hidden": 24, "embedding": 12, "learning_rate": 0.01, "batch_symbols": 128, "epochs": 4, "dropout": 0.1}


def words(count: int, seed: int = 0) -> list[str]:
    chance, found = random.Random(seed), {}
    while len(found) < count:
        found["".join(chance.choice("abcde") for _ in range(chance.randint(2, 5)))] = None
    return list(found)


def texts(count: int = 300, seed: int = 0) -> tuple[list[str], list[str]]:
    source = words(count, seed)
    return source, [word[::-1] for word in source]


def write(folder: Path) -> Path:
    """Write the four files of a fit, and a configuration."""
    source, target = texts()
    for name, part in (("train", slice(0, 270)), ("valid", slice(270, 300))):
        (folder / f"{name}.src").write_text("".join(f"{word}\n" for word in source[part]), encoding="utf-8")
        (folder / f"{name}.tgt").write_text("".join(f"{word}\n" for word in target[part]), encoding="utf-8")
    model = "[model]\nhidden = 24\nembedding = 12\ndropout = 0.1\n"
    training = "[training]\nlearning_rate = 0.01\nbatch_symbols = 128\nepochs = 4\n"
    (folder / "small.toml").write_text(model + training, encoding="utf-8")
    return folder


FILES = ["--train-src", "train.src", "--train-tgt", "train.tgt", "--valid-src", "valid.src", "--valid-tgt", "valid.tgt"]
