"""Whether this process was forked after everystep was imported, so that threads that libraries count on are gone."""

from __future__ import annotations

import os
from collections.abc import Callable

_state = {"forked": False}


def forked() -> bool:
    """Whether this process is the forked child of one that had imported everystep."""
    return _state["forked"]


def after_fork(act: Callable[[], None]) -> None:
    """Have something done at the start of every forked child, where the system can fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=act)


after_fork(lambda: _state.update(forked=True))
