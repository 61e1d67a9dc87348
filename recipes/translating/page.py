"""docs/recipes.md: what stands in the rows, misses included."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.document import table, write_behind
from everystep.text import METRICS
from recipes.rows import Row
from recipes.translating import results
from recipes.translating.recipe import Aim, Recipe
from recipes.translating.run import ENSEMBLE
from recipes.translating.table import SPELLINGS
from recipes.translating.twin import TWIN

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"
MARK = "<!-- From here on the page is written by recipes/translating. -->"
HEAD = ("task", "figure", "published", "goal", "seeds", "mean", "best", "together", "met", "torch.nn")
SIZES = ("task", "settings", "parameters", "epochs", "best epoch", "minutes", "validation", "tests read")
MACRO = (Aim("test", "wer", 15.5, "15.94", 14.0), Aim("test", "per", 4.3, "4.39"))  # over the seven languages


def write(recipes: Mapping[str, Recipe], rows: results.Rows) -> None:
    """Keep the rows, and put their tables in the place of what stands behind the mark."""
    results.keep(rows)
    write_behind(MARK, PAGE, text(recipes, rows))


def text(recipes: Mapping[str, Recipe], rows: results.Rows) -> str:
    """Everything that was reached, as Markdown."""
    aimed = [_aimed(recipe.title, aim, _of(name, rows)) for name, recipe in recipes.items() for aim in recipe.aims]
    sizes = [_sizes(recipe, _of(name, rows)) for name, recipe in recipes.items() if _runs(_of(name, rows))]
    parts = ["## What is reached", table(HEAD, [*aimed, *_macro(rows)]), "## What it takes", table(SIZES, sizes)]
    return "\n\n".join(parts) + "\n"


def _aimed(title: str, aim: Aim, found: Sequence[Row]) -> tuple[str, ...]:
    values = {row["seed"]: row["tests"][aim.test][aim.metric] for row in found}
    return _line(title, aim, values)


def _line(title: str, aim: Aim, values: Mapping[int | str, float]) -> tuple[str, ...]:
    """Tell the figures of an aim by seed, and by what stands in the place of one."""
    seeds = [value for seed, value in values.items() if isinstance(seed, int)]
    twin = f"{values[TWIN]:.2f}" if TWIN in values else ""
    figure = aim.metric if aim.test == "test" else f"{aim.metric} {aim.test}"
    return (title, figure, aim.published, _goal(aim), *_figures(aim, seeds, values.get(ENSEMBLE)), twin)


def _figures(aim: Aim, seeds: Sequence[float], joined: float | None) -> tuple[str, ...]:
    """Count the seeds; their mean and best, all of them together, and whether the goals are met."""
    if not seeds:
        return ("0", "not run yet", "", "", "")
    mean = statistics.mean(seeds)
    best = max(seeds) if METRICS[aim.metric].higher_is_better else min(seeds)
    met = aim.met(mean) and (aim.ensemble is None or (joined is not None and aim.met(joined, aim.ensemble)))
    shown = (f"{mean:.2f}", f"{best:.2f}", "" if joined is None else f"{joined:.2f}")
    return (str(len(seeds)), *shown, "yes" if met else "NO")


def _goal(aim: Aim) -> str:
    together = "" if aim.ensemble is None else f", together {aim.ensemble:g}"
    return f"{aim.goal:g}{together}"


def _macro(rows: results.Rows) -> list[tuple[str, ...]]:
    """Average the seven languages, seed by seed; nothing as long as one is missing."""
    found = {code: {row["seed"]: row for row in _of(f"g2p-{code}", rows)} for code in SPELLINGS}
    shared = set.intersection(*(set(of) for of in found.values()))
    lines = []
    for aim in MACRO:
        means = {
            seed: statistics.mean(found[code][seed]["tests"][aim.test][aim.metric] for code in found) for seed in shared
        }
        lines.append(_line("Seven languages, mean", aim, means))
    return lines


def _sizes(recipe: Recipe, found: Sequence[Row]) -> tuple[str, ...]:
    runs = _runs(found)
    validation = statistics.mean(row["figures"]["validation"] for row in runs)
    return (
        recipe.title,
        f"`{recipe.settings}`",
        f"{runs[0]['parameters']:,}",
        _range([row["epochs"] for row in runs]),
        _range([row["best_epoch"] for row in runs]),
        f"{statistics.mean(row['seconds'] for row in runs) / 60:.1f}",
        f"{validation:.3g}",
        _range([one["reads"] for row in found for one in row["tests"].values()]),
    )


def _range(values: Sequence[int]) -> str:
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"


def _of(name: str, rows: results.Rows) -> list[Row]:
    return [row for (recipe, _), row in rows.items() if recipe == name]


def _runs(found: Sequence[Row]) -> list[Row]:
    """Give the rows of seeds alone."""
    return [row for row in found if isinstance(row["seed"], int)]
