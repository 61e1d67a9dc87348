"""The warning that something slower runs: told once a process for each cell and reason."""

from __future__ import annotations

import warnings

from everystep.engines.graphs import at_once
from everystep.errors import FallbackWarning

COST = "the reference loop runs it, 3 to 30 times slower"
_warned: set[tuple[str, str]] = set()


@at_once
def warn_once(who: str, why: str, *, stacklevel: int = 1) -> None:
    """Warn that the reference loop runs.

    Args:
        who: Name of the cell.
        why: What keeps compiled code from serving.
        stacklevel: Frames above the caller to whom the warning belongs.
    """
    if (who, why) not in _warned:
        _warned.add((who, why))
        warnings.warn(f"{who}: {why.rstrip('.')}; {COST}.", FallbackWarning, stacklevel=stacklevel + 1)
