"""Whether what was learnt beats Model 2 by more than chance: the one-standard-error rule."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from everystep.errors import counted
from everystep.forecast.windows import Windows

Array = NDArray[Any]

FEWEST_BLOCKS = 5  # stretches of validation, one horizon long, below which chance can't be told from gain


def gain_in_errors(simple: Array, trained: Array, windows: Windows) -> tuple[float, int]:
    """Measure by how many standard errors the trained model is better than the simple one.

    Neighbouring windows share most of their targets, so they are first joined into blocks of one horizon.

    Args:
        simple: (n, horizon) errors of the simple model on validation windows.
        trained: (n, horizon) errors of the trained model on the same windows.
        windows: The windows.

    Returns:
        The mean gain in standard errors, and the number of blocks.

    Source:
        Breiman, Friedman, Olshen and Stone, Classification and regression trees, 1984, section 3.4.3.
    """
    gain = (np.abs(simple) - np.abs(trained)).mean(axis=1)
    place = np.stack([windows.row, windows.last // windows.shape.horizon], axis=1)
    _, block, sizes = np.unique(place, axis=0, return_inverse=True, return_counts=True)
    gains = np.bincount(block.ravel(), weights=gain) / sizes
    spread = float(gains.std(ddof=1)) / np.sqrt(len(gains)) if len(gains) > 1 else np.inf
    return float(gains.mean()) / max(spread, np.finfo(np.float64).tiny), len(gains)


def why_not(relative: float, gain: float, blocks: int) -> str:
    """Say why what was learnt is thrown away, or nothing where it is kept.

    Args:
        relative: Validation error, as a share of the simple model's.
        gain: As ``gain_in_errors`` gives it.
        blocks: Likewise.
    """
    if relative >= 1.0:
        return "it was not better on validation"
    if blocks < FEWEST_BLOCKS:
        return (
            f"the validation part is only {counted(blocks, 'horizon')} long, "
            f"and {FEWEST_BLOCKS} are needed to tell gain from chance"
        )
    if gain < 1.0:
        return f"its gain on validation, {1 - relative:.1%}, is less than one standard error, and may be chance"
    return ""
