"""The rows of today's recipes, by recipe and seed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from recipes import rows
from recipes.translating.recipe import Recipe

KEPT = Path(__file__).with_name("results.jsonl")  # what docs/recipes.md is made of
Rows = dict[tuple[str, int | str], rows.Row]


def read(recipes: Mapping[str, Recipe], *paths: Path) -> Rows:
    """Read the rows of several files; one whose configuration is not today's does not count.

    Args:
        recipes: By name.
        paths: Files of rows; one that is not there holds none.
    """
    found: Rows = {}
    for row in rows.read(*paths):
        recipe = recipes.get(row["recipe"])
        seed = row["seed"] if isinstance(row["seed"], int) else 0
        if recipe is not None and row["settings"] == recipe.settled(seed):
            found[row["recipe"], row["seed"]] = row
    return found


def keep(found: Rows, path: Path = KEPT) -> None:
    """Write all rows in order."""
    ordered = sorted(found, key=lambda key: (key[0], str(key[1])))
    rows.keep(path, (found[key] for key in ordered))
