"""What is drawn at random rides into a step beside x and context, as further fields of a NamedTuple.

One wrapper puts its own beside what the wrapper inside it has put there, and takes it off again before it calls it.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from torch import Tensor

from everystep.errors import StepError


def put(value: Any, drawn: Mapping[str, Tensor]) -> Any:
    """Put tensors beside a value: x, or a context, which may be None."""
    if not drawn:
        return value
    kind = _kind(Tensor if isinstance(value, Tensor) else type(value), tuple(drawn))
    return kind(*_fields(value), *drawn.values())


def taken(who: str, value: Any, names: Sequence[str]) -> tuple[Any, dict[str, Tensor]]:
    """Take the tensors of these names off again.

    Raises:
        StepError: They are not there.
    """
    if not names:
        return value, {}
    if getattr(value, "_fields", ())[-len(names) :] != tuple(names):
        raise StepError(
            f"{who}: is being trained, and nothing was drawn for this step: unroll draws before its loop; for a step "
            "alone call cell.eval() first."
        )
    below, rest = type(value).below, value[: -len(names)]
    inner = rest[0] if below is Tensor else None if below is type(None) else below(*rest)
    return inner, dict(zip(names, value[-len(names) :], strict=True))


def changed(function: Callable[[Tensor], Tensor], x: Any) -> Any:
    """Apply a function to x itself, and leave what rides beside it."""
    return function(x) if isinstance(x, Tensor) else x._replace(x=function(x.x))


@cache
def _kind(below: type, names: tuple[str, ...]) -> Any:
    before = ("x",) if below is Tensor else getattr(below, "_fields", ())
    kind = namedtuple("Beside", (*before, *names))  # noqa: PYI024 - the fields are known only now
    kind.below = below  # pyright: ignore[reportAttributeAccessIssue]
    return kind


def _fields(value: Any) -> tuple[Tensor, ...]:
    return (value,) if isinstance(value, Tensor) else () if value is None else tuple(value)
