"""What is trained and translated: models of the recipes, on their texts, or on made ones where these are not here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from everystep.seq2seq import Seq2Seq, Seq2SeqConfig
from everystep.text import Pairs, ParallelText, encode_pairs, read_parallel
from everystep.translate import Choices, read_choices
from everystep.translate.fitted import Fitted
from everystep.translate.fitting import config_of, untrained
from everystep.translate.taught import TaughtBatches
from recipes.translating.recipe import HERE
from recipes.translating.texts import multi30k, spelling


class Case(NamedTuple):
    """One model.

    Attributes:
        symbols: What is read and said, for the table.
        settings: The recipe.
        text: Name of a reader of texts here.
        others: Settings that differ from the recipe's.
    """

    symbols: str
    settings: str
    text: str
    others: Mapping[str, Any]

    @property
    def choices(self) -> Choices:
        """What the model is."""
        return read_choices(HERE / self.settings).chosen(**self.others)

    @property
    def about(self) -> str:
        """What it is, for the table."""
        model = self.choices.model
        attention = f"{model.attention} attention" + " before the update" * (model.attend == "before")
        options = {"input feeding": model.input_feeding, "tied embeddings": model.tied != "none"}
        has = [name for name, chosen in options.items() if chosen]
        return ", ".join([self.symbols, f"{model.cell.upper()} of {model.hidden}", attention, *has])


CASES = {
    "sentences": Case("8,000 pieces of words", "multi30k.toml", "sentences", {}),
    "unfed": Case(
        "8,000 pieces of words", "multi30k.toml", "sentences", {"attention": "general", "input_feeding": False}
    ),
    "spelling": Case("letters to phones", "g2p.toml", "spelling", {}),
    "before": Case(
        "letters to phones", "g2p.toml", "spelling", {"cell": "gru", "attend": "before", "attention": "additive"}
    ),
}


class Ready(NamedTuple):
    """A case, ready to run."""

    config: Seq2SeqConfig
    fitted: Fitted
    pairs: Pairs  # to train on
    batches: TaughtBatches
    asked: list[np.ndarray]  # sources to translate, 64 of them
    made: bool  # whether the text was made here

    def fresh(self) -> Seq2Seq:
        """The model, with the same first weights each time."""
        torch.manual_seed(0)
        return Seq2Seq.from_config(self.config)


def prepare(case: Case, data: Path) -> Ready:
    """Read or make the text, learn its symbols, deal batches, make the model."""
    text, asked, made = _texts(case.text, data)
    choices = case.choices
    if made and case.text == "sentences":
        choices = choices.chosen(tokens="word")
    fitted, pairs = untrained(text, asked, choices)
    config = config_of(fitted.choices, fitted.vocabularies)
    sources = list(encode_pairs(asked, *fitted.vocabularies).source[:64])
    return Ready(config, fitted, pairs, TaughtBatches(pairs, fitted.choices.training), sources, made)


def _texts(name: str, data: Path) -> tuple[ParallelText, ParallelText, bool]:
    folder = {"sentences": "multi30k", "spelling": "sigmorphon2020_g2p"}[name]
    if (data / folder).exists():
        texts = multi30k(data, "de", "en") if name == "sentences" else spelling(data, "fre")
        return texts.train, texts.valid, False
    return MADE[name](0), MADE[name](1), True


def _sentences(seed: int) -> ParallelText:
    """13 words a line of 7,996, as often as words of languages are."""
    drawn = np.random.default_rng(seed)
    lines = [[f"w{n}" for n in np.minimum(drawn.zipf(1.3, max(4, drawn.poisson(13))), 7996)] for _ in range(29_000)]
    lines += [[f"w{n + 1}" for n in range(7996)][k : k + 13] for k in range(0, 7996, 13)]
    return read_parallel([" ".join(line) for line in lines], [" ".join(line[::-1]) for line in lines])


def _spellings(seed: int) -> ParallelText:
    """Words of 8 letters and a phone for each."""
    drawn = np.random.default_rng(seed)
    words = ["".join(drawn.choice(list("abcdefghijklmnopqrstuvwxyz"), max(2, drawn.poisson(8)))) for _ in range(3600)]
    return read_parallel(words, [" ".join(f"{letter}:" for letter in word) for word in words])


MADE = {"sentences": _sentences, "spelling": _spellings}
