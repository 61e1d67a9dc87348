"""The rows that runs leave, one line of JSON each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from recipes.translating.recipe import Recipe
from recipes.translating.run import ENSEMBLE, Row

KEPT = Path(__file__).with_name("results.jsonl")  # what docs/recipes.md is made of
Rows = dict[tuple[str, int | str], Row]


def read(recipes: Mapping[str, Recipe], *paths: Path) -> Rows:
    """Read the rows of several files; one whose configuration is not today's does not count.

    Args:
        recipes: By name.
        paths: Files of rows; one that is not there holds none.
    """
    rows: Rows = {}
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            row = json.loads(line)
            recipe = recipes.get(row["recipe"])
            seed = 0 if row["seed"] == ENSEMBLE else row["seed"]
            if recipe is not None and row["settings"] == recipe.settled(seed):
                rows[row["recipe"], row["seed"]] = row
    return rows


def keep(rows: Rows, path: Path = KEPT) -> None:
    """Write all rows in order."""
    ordered = sorted(rows, key=lambda key: (key[0], str(key[1])))
    path.write_text("".join(json.dumps(rows[key]) + "\n" for key in ordered), encoding="utf-8")
