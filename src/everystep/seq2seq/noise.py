"""What cells inside a step draw at random rides beside x and context of the one step around them."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from torch import Tensor

from everystep.cell import Cell
from everystep.engines.stepping import streams_of


class Inner(NamedTuple):
    """What one inner cell drew, for one step or for all."""

    kind: Any  # the NamedTuple that the cell put it into; None where it drew nothing
    drawn: tuple[Tensor, ...]

    def beside(self, x: Any) -> Any:
        """Give x as the inner cell's step takes it."""
        return x if self.kind is None else self.kind(x, *self.drawn)

    @property
    def context(self) -> tuple[Any, ...]:
        """Give the context as the inner cell's step takes it: nothing, or one."""
        return () if self.kind is None else (self.kind(*self.drawn),)


def noised(cells: Sequence[Cell[Any]], x: Any, context: Any) -> tuple[Any, Any]:
    """Let every inner cell draw, and put all of it beside x and context."""
    like = next(iter(streams_of(x).values()))  # tells steps, rows, dtype; an inner x is known only in the loop
    pairs = [cell.noised(like, None) for cell in cells]
    return _joined(x, [inner for inner, _ in pairs], own=1), _joined(context, [inner for _, inner in pairs], own=0)


def parted(value: Any, many: int) -> tuple[Any, list[Inner]]:
    """Take it off again: x or context itself, and what each inner cell drew."""
    kinds = getattr(type(value), "drawn_by", None)
    if kinds is None:
        return value, [Inner(None, ())] * many
    below, own = type(value).below, type(value).own
    place = len(_fields(below))
    itself = value[0] if below is Tensor else None if below is type(None) else below(*value[:place])
    inner = []
    for kind in kinds:
        size = 0 if kind is None else len(kind._fields) - own
        inner.append(Inner(kind, tuple(value[place : place + size])))
        place += size
    return itself, inner


def _joined(value: Any, inner: Sequence[Any], own: int) -> Any:
    kinds = tuple(type(one) if hasattr(one, "_fields") else None for one in inner)
    if not any(kinds):
        return value
    kind = _kind(Tensor if isinstance(value, Tensor) else type(value), kinds, own)
    before = (value,) if isinstance(value, Tensor) else value or ()
    return kind(*before, *(field for one in inner if hasattr(one, "_fields") for field in one[own:]))


@cache
def _kind(below: type, kinds: tuple[Any, ...], own: int) -> Any:
    names = [f"inner{n}_{name}" for n, kind in enumerate(kinds) if kind for name in kind._fields[own:]]
    made: Any = namedtuple("Drawn", (*_fields(below), *names))  # noqa: PYI024 - the fields are known only now
    made.below, made.drawn_by, made.own = below, kinds, own
    return made


def _fields(below: type) -> tuple[str, ...]:
    return ("x",) if below is Tensor else getattr(below, "_fields", ())
