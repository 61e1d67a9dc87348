"""Run the recipes for translators, and write docs/recipes.md.

Run from the top of the repository: ``python -m recipes.translating``. A run that was cut goes on where it was; one
that is done is not done again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from recipes import rows
from recipes.translating import page, results, run, twin
from recipes.translating.table import RECIPES


def main(arguments: list[str] | None = None) -> None:
    """Run what is asked for and is not done yet."""
    asked = _asked(arguments)
    log = asked.folder / "results.jsonl"
    for name in [] if asked.page_only else asked.recipes:
        _all_seeds(name, asked, log)
    if asked.page or asked.page_only:
        page.write(RECIPES, results.read(RECIPES, results.KEPT, log))


def _all_seeds(name: str, asked: argparse.Namespace, log: Path) -> None:
    """Run each seed of a recipe, then all of them together, then the twin."""
    recipe, known = RECIPES[name], results.read(RECIPES, results.KEPT, log)
    seeds = range(recipe.seeds if asked.seeds is None else min(asked.seeds, recipe.seeds))
    missing = [seed for seed in seeds if (name, seed) not in known]
    wanted_together = len(seeds) == recipe.seeds > 1 and (name, run.ENSEMBLE) not in known
    wanted_twin = recipe.twin and (name, twin.TWIN) not in known
    if not (missing or wanted_together or wanted_twin):
        return
    read = recipe.texts(asked.data)
    for seed in missing:
        _append(log, run.fitted(name, recipe, seed, read, asked.folder))
    if wanted_together:
        _append(log, run.together(name, recipe, read, asked.folder))
    if wanted_twin:
        _append(log, twin.fitted_twin(name, recipe, read, asked.folder))


def _append(log: Path, row: rows.Row) -> None:
    rows.append(log, row)
    figures = {test: {name: round(value, 2) for name, value in found.items()} for test, found in row["tests"].items()}
    print(f"{row['recipe']}, seed {row['seed']}: {figures}", flush=True)


def _asked(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m recipes.translating", description=__doc__)
    parser.add_argument("recipes", nargs="*", default=list(RECIPES), metavar="RECIPE", help=", ".join(RECIPES))
    parser.add_argument("--seeds", type=int, help="how many; as many as the recipe asks for when not given")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--folder", type=Path, default=Path("build/translating"), help="where models are kept")
    parser.add_argument("--page", action="store_true", help="write docs/recipes.md and the rows it is made of")
    parser.add_argument("--page-only", action="store_true", help="write it, and train nothing")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.recipes if name not in RECIPES]
    if unknown:
        parser.error(f"{unknown[0]} is no recipe; known are {', '.join(RECIPES)}")
    return asked


if __name__ == "__main__":
    main()
