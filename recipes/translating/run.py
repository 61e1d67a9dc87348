"""One run: fit, keep what validation chose, then read the test text, once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from everystep.cli.translator_run import fit_into
from everystep.text import ParallelText
from everystep.translate import Translator
from everystep.translate.reads import count_reads
from recipes.rows import Row
from recipes.translating.recipe import Recipe, Texts

ENSEMBLE = "all"  # what stands in the place of a seed where all of them translate together


def fitted(name: str, recipe: Recipe, seed: int, read: Texts, folder: Path) -> Row:
    """Fit one seed, or go on with it, and score it.

    Args:
        name: Of the recipe.
        recipe: The recipe.
        seed: Its seed.
        read: Its texts.
        folder: Where models are kept.
    """
    directory = folder / f"{name}-{seed}"
    metrics = fit_into(directory, recipe.choices(seed), read.train, read.valid)
    return {
        "recipe": name,
        "seed": seed,
        "settings": recipe.settled(seed),
        **{one: metrics[one] for one in ("parameters", "epochs", "best_epoch", "seconds", "figures", "pairs")},
        "tests": scored(name, recipe, [directory], read, folder),
    }


def together(name: str, recipe: Recipe, read: Texts, folder: Path) -> Row:
    """Score all seeds of a recipe as an ensemble."""
    directories = [folder / f"{name}-{seed}" for seed in range(recipe.seeds)]
    tests = scored(name, recipe, directories, read, folder)
    return {"recipe": name, "seed": ENSEMBLE, "settings": recipe.settled(0), "models": len(directories), "tests": tests}


def scored(name: str, recipe: Recipe, directories: Sequence[Path], read: Texts, folder: Path) -> dict[str, Any]:
    """Score models on each test text, and count the reading in ``scores.jsonl`` beside each."""
    translator = Translator.load(*directories)
    beam, found = translator.fitted.choices.search.beam, {}
    for test, text in read.tests.items():
        paths = written(text, folder / "texts" / f"{name}-{test}")
        scores = translator.scores(*paths, metrics=recipe.metrics)
        reads = 1 + count_reads(directories, paths, scores, beam)
        found[test] = {metric: score.value for metric, score in scores.items()} | {"reads": reads}
    return found


def written(text: ParallelText, stem: Path) -> tuple[Path, Path]:
    """Write both sides of a text, one line each."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = stem.with_suffix(".source"), stem.with_suffix(".target")
    for path, lines in zip(paths, (text.source, text.target), strict=True):
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return paths
