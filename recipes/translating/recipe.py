"""What a recipe is: texts, a configuration, and the figures it is held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from everystep.text import METRICS, ParallelText
from everystep.translate import Choices, read_choices

HERE = Path(__file__).parent


class Texts(NamedTuple):
    """Pairs to learn from, pairs to choose the epoch by, and named pairs that are read when all is chosen."""

    train: ParallelText
    valid: ParallelText
    tests: Mapping[str, ParallelText]


class Aim(NamedTuple):
    """A figure to be reached.

    Attributes:
        test: Name of the test text.
        metric: A name in ``everystep.text.METRICS``.
        goal: What the middle of the seeds should reach.
        published: What others reached, in their own words.
        ensemble: What the seeds should reach together, where that is asked.
    """

    test: str
    metric: str
    goal: float
    published: str
    ensemble: float | None = None

    def met(self, value: float, goal: float | None = None) -> bool:
        """Say whether a figure is as good as the goal, or better."""
        goal = self.goal if goal is None else goal
        return value >= goal if METRICS[self.metric].higher_is_better else value <= goal


class Recipe(NamedTuple):
    """One task.

    Attributes:
        title: What it is, for the page.
        texts: Reads the texts out of the directory with the data.
        settings: A configuration file in this directory, as ``everystep translate fit --config`` takes it.
        aims: What is measured.
        seeds: How many runs.
        twin: Whether the first seed is run once more with layers of torch.nn: where that is quick.
    """

    title: str
    texts: Callable[[Path], Texts]
    settings: str
    aims: tuple[Aim, ...]
    seeds: int = 3
    twin: bool = False

    def choices(self, seed: int) -> Choices:
        """Read the configuration."""
        return read_choices(HERE / self.settings).chosen(seed=seed)

    def settled(self, seed: int) -> dict[str, Any]:
        """Give what the configuration says and nobody would say without it, as plain values."""
        return self.choices(seed).model_dump(exclude_defaults=True)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Every metric that a test is scored by: those of the aims, and what is usual beside them."""
        beside = {"tokenised-bleu": ("bleu", "chrf"), "wer": ("per",)}
        asked = tuple(dict.fromkeys(aim.metric for aim in self.aims))
        return tuple(dict.fromkeys((*asked, *(other for one in asked for other in beside.get(one, ())))))
