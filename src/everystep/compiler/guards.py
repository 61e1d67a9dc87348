"""What must stay the same for a trace to hold, checked before every launch in a microsecond or two.

Where a tensor is read is remembered, never its numbers: those may change at any time, its layout may not.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from types import FunctionType
from typing import Any
from weakref import ref

from torch import Tensor, nn

from everystep.compiler.guards_walk import Walk


def roots_of(step: Any) -> dict[str, Tensor]:
    """Find every tensor that a step can read besides its arguments.

    Args:
        step: A cell, a function, a bound method or a partial.

    Returns:
        Parameters and buffers by their usual names, tensors in attributes, closures, defaults and globals by theirs.
        A tied parameter is there once, under its first name.
    """
    return Guard(step).roots()


class Guard:
    """What a step reads besides its arguments, as it was when this was made.

    Args:
        step: A cell, a function, a bound method or a partial.

    Raises:
        TraceError: A lazy layer has no shape yet.
    """

    def __init__(self, step: Any) -> None:
        walk = Walk()
        walk.start(step)
        self.aliases = walk.aliases
        self._places = [(name, place.holder, place.key) for name, place in walk.places.items()]
        self._tensors = [(t, t.dtype, t.shape, t.stride(), t.requires_grad, t.device) for t in walk.tensors.values()]
        seen = {(id(holder), key) for holder, key, _ in walk.same}
        places = [(*place, walk.tensors[name]) for name, place in walk.places.items()]
        self._same = [*walk.same, *(p for p in places if (id(p[0]), p[1]) not in seen)]
        self._equal, self._counts = walk.equal, walk.counts
        self._classes = [(value, kind) for value, kind in walk.classes if value is not step]
        self._step, self._class = (_reference(step), type(step))
        self._key = (*walk.parts, *((n, t[1:]) for n, t in zip(walk.tensors, self._tensors, strict=True)))

    def holds(self) -> bool:
        """Whether nothing has changed that a trace took for granted."""
        try:
            return self._holds()
        except Exception:  # noqa: BLE001 (values of any kind are compared; what can't be compared has changed)
            return False

    def _holds(self) -> bool:
        return (
            type(self._step()) is self._class
            and _are_held(self._same)
            and _are_equal(self._equal, self._counts, self._classes)
            and _have_layout(self._tensors)
        )

    def key(self) -> tuple[tuple[Hashable, ...], ...]:
        """Describe all this by value, so that steps that compute the same in the same layout have equal keys.

        Its entries begin with a name.
        """
        return self._key

    def roots(self) -> dict[str, Tensor]:
        """Read every root where it lies now."""
        return {name: holder[key] for name, holder, key in self._places}


def _reference(step: Any) -> Callable[[], Any]:
    """A way to a step that does not keep it alive, as its guard may lie in a table of steps."""
    return ref(step) if isinstance(step, (nn.Module, FunctionType)) else lambda: step


def _are_held(same: list[tuple[Any, Any, Any]]) -> bool:
    for holder, key, value in same:  # noqa: SIM110 (a plain loop takes half as long as a generator)
        if holder[key] is not value:
            return False
    return True


def _are_equal(equal: list[tuple[Any, Any]], counts: list[tuple[Any, int]], classes: list[tuple[Any, type]]) -> bool:
    for live, before in equal:
        if live != before:
            return False
    for holder, count in counts:
        if len(holder) != count:
            return False
    for value, kind in classes:  # noqa: SIM110
        if type(value) is not kind:
            return False
    return True


def _have_layout(tensors: list[tuple[Any, ...]]) -> bool:
    for t, dtype, shape, strides, requires_grad, device in tensors:
        if t.dtype is not dtype or t.requires_grad is not requires_grad or t.shape != shape:
            return False
        if t.stride() != strides or t.device != device:
            return False
    return True
