"""Read each data set as pairs of lines; what has no validation part of its own gets one, the same in every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from everystep.text import SCAN, ParallelText, read_pairs, read_parallel
from recipes.translating.recipe import Texts


def dates(data: Path) -> Texts:
    """Written dates and their ISO form."""
    train, dev, test = (read_pairs(data / "synthetic" / f"dates_{part}.tsv.gz") for part in ("train", "dev", "test"))
    return Texts(train, dev, {"test": test})


def sums(data: Path) -> Texts:
    """Sums of two numbers with up to three digits, written backwards."""
    train, test = (backwards(read_pairs(data / "synthetic" / f"addition3_{part}.tsv.gz")) for part in ("train", "test"))
    return Texts(*parted(train, 2000), {"test": test})


def scan(data: Path) -> Texts:
    """Commands and the actions they stand for, the random split; one command in twenty chooses the epoch."""
    train, test = (
        read_pairs(data / "scan" / f"tasks_{part}_simple.txt.gz", pattern=SCAN) for part in ("train", "test")
    )
    return Texts(*parted(train, len(train) // 20), {"test": test})


def spelling(data: Path, language: str) -> Texts:
    """Words of a language and their phones."""
    folder = data / "sigmorphon2020_g2p"
    train, dev, test = (read_pairs(folder / f"{language}_{part}.tsv") for part in ("train", "dev", "test"))
    return Texts(train, dev, {"test": test})


def cmudict(data: Path) -> Texts:
    """English words and their phones, several lines for a word with several pronunciations."""
    train, dev, test = (read_pairs(data / "cmudict_g2p" / f"{part}.tsv.gz") for part in ("train", "dev", "test"))
    return Texts(train, dev, {"test": test})


def multi30k(data: Path, source: str, target: str) -> Texts:
    """What pictures show, in one language and in another."""

    def part(name: str, empty: str = "leave out") -> ParallelText:
        paths = (data / "multi30k" / f"{name}.lc.norm.tok.{language}.gz" for language in (source, target))
        return read_parallel(*paths, empty=empty)

    tests = {"2016": "test_2016_flickr", "2017": "test_2017_flickr", "COCO": "test_2017_mscoco"}
    return Texts(part("train"), part("val"), {name: part(file, "keep") for name, file in tests.items()})


def backwards(text: ParallelText) -> ParallelText:
    """Write each source from its end to its beginning."""
    return replace(text, source=tuple(line[::-1] for line in text.source))


def parted(text: ParallelText, count: int) -> tuple[ParallelText, ParallelText]:
    """Hold back some pairs, drawn at random, the same ones each time."""
    order = np.random.default_rng(0).permutation(len(text))
    return _some(text, np.sort(order[count:]).tolist()), _some(text, np.sort(order[:count]).tolist())


def _some(text: ParallelText, rows: Sequence[int]) -> ParallelText:
    return replace(
        text,
        source=tuple(text.source[row] for row in rows),
        target=tuple(text.target[row] for row in rows),
        numbers=tuple(text.numbers[row] for row in rows),
    )
