"""Values that a step reads: told apart by what they are, copied to be compared later, described to be looked up."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Mapping
from enum import Enum
from functools import cache, partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from torch import Tensor, nn

PLAIN = (bool, int, float, complex, str, bytes, type(None))
_PYTHON = sysconfig.get_path("stdlib")


class Identity:
    """Stands for an object in a key: equal to itself alone, and keeps it alive."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def is_library(value: Any) -> bool:
    """Whether a function, class or module belongs to torch, to this package or to Python itself."""
    if isinstance(value, ModuleType):
        return _is_library(value.__name__.partition(".")[0])
    if not isinstance(value, (type, FunctionType, BuiltinFunctionType)):
        return False
    return _is_library((value.__module__ or "builtins").partition(".")[0])


@cache
def _is_library(name: str) -> bool:
    """By name, and for the many names of Python's own modules by file: a user's may be called test or code."""
    if name not in sys.stdlib_module_names:
        return name in {"torch", "numpy", "everystep"}
    file = getattr(sys.modules.get(name), "__file__", None)
    return name != "__main__" and (file is None or file.startswith(_PYTHON))


def snapshot(value: Any) -> Any:
    """A copy of a container, nested ones included; anything else as it is."""
    if isinstance(value, dict):
        return {key: snapshot(inner) for key, inner in value.items()}
    if type(value) in {list, tuple, set, frozenset}:
        return type(value)(map(snapshot, value))
    return _ArrayThen(value) if isinstance(value, np.ndarray) else value


class _ArrayThen:
    """An array as it was: equal to one of the same numbers."""

    __array_ufunc__ = None  # so that numpy leaves comparing to this class

    def __init__(self, value: np.ndarray) -> None:
        self.value = value.copy()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, np.ndarray) and np.array_equal(other, self.value)

    __hash__ = None  # type: ignore[assignment]


def frozen(value: Any) -> Any:
    """A hashable description: plain values by value, what is looked into by its kind, anything else by identity."""
    for kinds, describe in _DESCRIBED:
        if isinstance(value, kinds):
            return describe(value)
    if isinstance(value, (type, Enum)) or is_library(type(value)):
        return value if type(value).__hash__ else Identity(value)
    return type(value) if hasattr(value, "__dict__") else Identity(value)


_DESCRIBED = (
    (PLAIN, lambda value: (type(value), value if value == value else "nan")),  # noqa: PLR0124
    (Mapping, lambda value: (type(value), tuple((_word(key), frozen(inner)) for key, inner in value.items()))),
    ((list, tuple), lambda value: (type(value), tuple(map(frozen, value)))),
    ((set, frozenset), lambda value: (type(value), frozenset(map(frozen, value)))),
    ((Tensor, nn.Module, partial), lambda value: original(type(value))),
    ((FunctionType, MethodType), lambda value: value.__code__),
    (np.ndarray, lambda value: (str(value.dtype), value.shape, value.tobytes())),
)


def _word(key: Any) -> Any:
    return key if key.__hash__ else repr(key)


def original(kind: type) -> type:
    """The class that torch's parametrize derived another from: one for each module, made anew each time."""
    return kind.__mro__[1] if kind.__module__ == "torch.nn.utils.parametrize" else kind
