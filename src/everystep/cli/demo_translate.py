"""``everystep demo translate``: number words from English to French, judged on numbers that were held out."""

from __future__ import annotations

import json
from pathlib import Path

from everystep.cli.finished import REPORT_FILE
from everystep.cli.telling import tell
from everystep.cli.translator_run import fit_into
from everystep.translate import Translator
from everystep.translate.choices import from_flat
from everystep.translate.number_words import number_words

CHOICES = {
    "hidden": 128, "embedding": 64, "epochs": 8, "learning_rate": 5e-3, "batch_symbols": 1024, "dropout": 0.1,
    "metric": "exact", "beam": 1,
}  # fmt: skip
SHOWN = 5  # held-out numbers that are answered for the reader


def demo_translate(out: Path, overwrite: bool, as_json: bool) -> None:
    """Fit on numbers in words, score on others, answer a few of those.

    Args:
        out: Where the model goes: ``number-words`` in it.
        overwrite: Whether to start anew where another run is.
        as_json: Whether to print one JSON object and nothing else.
    """
    directory, text = out / "number-words", number_words()
    tell(f"{len(text.train):,} numbers below a million to learn from, {len(text.test):,} others held out.")
    metrics = fit_into(directory, from_flat("demo", CHOICES), text.train, text.valid, overwrite=overwrite)
    translator = Translator.load(directory)
    held_out = translator.score(text.test.source, text.test.target, metric="exact")
    answers = translator.translate(text.test.source[:SHOWN])
    if as_json:
        pairs = [list(pair) for pair in zip(text.test.source, answers, strict=False)]
        print(json.dumps({"held_out": held_out.value, "seconds": metrics["seconds"], "answers": pairs}))
        return
    print(f"\nWhole answers right on {len(text.test):,} numbers that were held out: {held_out.value:.1f} %")
    print(f"Trained in {metrics['seconds']:.0f} s, {metrics['parameters']:,} parameters.\n")
    for source, wanted, said in zip(text.test.source, text.test.target, answers, strict=False):
        print(f"  {source}\n  {'=' if said == wanted else '≠'} {said}" + ("" if said == wanted else f"   not {wanted}"))
    print(f"\nWhere it looked: {directory / REPORT_FILE}: open it in a browser.")
    print(f"Ask it: echo 'seven hundred and eleven' | everystep translate run {directory}")
