"""Which engine is asked for where a call names none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

AUTO = "auto"
_default: ContextVar[str] = ContextVar("everystep_engine", default=AUTO)


def default() -> str:
    """The engine for calls that name none; ``auto`` for the fastest that can serve."""
    return _default.get()


@contextmanager
def by_default(engine: str) -> Iterator[None]:
    """Ask for an engine in the block wherever a call names none."""
    token = _default.set(engine)
    try:
        yield
    finally:
        _default.reset(token)
