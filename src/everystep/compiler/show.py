"""``EVERYSTEP_SHOW=trace,plan,llvm``: every stage of the road as text on stderr, as a step is compiled."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from everystep.errors import unknown

VARIABLE = "EVERYSTEP_SHOW"
STAGES = ("trace", "plan", "llvm")


def is_shown(stage: str) -> bool:
    """Whether a stage is to be printed.

    Raises:
        UnknownNameError: The variable names a stage that there is not.
    """
    named = [name for part in os.environ.get(VARIABLE, "").split(",") if (name := part.strip())]
    for name in named:
        if name not in STAGES:
            raise unknown(VARIABLE, "stage", name, STAGES)
    return stage in named


def show(stage: str, title: str, text: Callable[[], str]) -> None:
    """Print a stage if that is asked for; the text is made only then."""
    if is_shown(stage):
        print(f"# {stage}: {title}\n{text()}\n", file=sys.stderr)
