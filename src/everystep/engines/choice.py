"""Which engine is asked for where a call names none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch.compiler import is_dynamo_compiling

from everystep.engines.graphs import at_once

AUTO = "auto"
_default: ContextVar[str] = ContextVar("everystep_engine", default=AUTO)


def default() -> str:
    """The engine for calls that name none; ``auto`` for the fastest that can serve."""
    return _default_of_graph() if is_dynamo_compiling() else _default.get()


@at_once
def _default_of_graph() -> str:
    return _default.get()


@contextmanager
def by_default(engine: str) -> Iterator[None]:
    """Ask for an engine in the block wherever a call names none."""
    token = _default.set(engine)
    try:
        yield
    finally:
        _default.reset(token)
