"""Numbers that a step may read, and paths to them.

A graph of ``torch.compile`` takes a number for granted, until it has changed once: then torch makes a variable of it.
The compiled step takes it for granted all the same. So each is compared with what it was, where the graph is made, and
torch makes another graph when it changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType
from typing import Any

from torch import Tensor, nn

from everystep.cell import Cell

Path = tuple[tuple[str, Any], ...]  # of ("attribute", name) and ("item", key)
Number = tuple[Path, float]

_INSIDE = frozenset(vars(nn.Module()))  # what every module has
_DEEPEST = 4  # of containers in containers
_GLOBALS = (("attribute", "step"), ("attribute", "__func__"), ("attribute", "__globals__"))


def numbers_of(cell: Cell[Any]) -> list[Number]:
    """Find the numbers of a cell: in attributes and what they hold, in its class, in globals of its step."""
    found = []
    for prefix, module in cell.named_modules():
        at = tuple(("attribute", name) for name in prefix.split(".") if name)
        for name, value in vars(module).items():
            if name not in _INSIDE:
                found += _within(value, (*at, ("attribute", name)))
    for owner in type(cell).__mro__:
        for name, value in vars(owner).items() if issubclass(owner, Cell) else ():
            found += _itself(value, (("attribute", name),))
    step = getattr(cell.step, "__func__", None)
    if isinstance(step, FunctionType):
        for name in step.__code__.co_names:
            found += _itself(step.__globals__.get(name), (*_GLOBALS, ("item", name)))
    return found


def at(cell: Any, path: Path) -> Any:
    """Follow a path."""
    for kind, key in path:
        cell = getattr(cell, key) if kind == "attribute" else cell[key]
    return cell


def _itself(value: Any, path: Path) -> Iterator[Number]:
    if type(value) in {int, float} and value == value:  # noqa: PLR0124 (no NaN, which torch never makes a variable of)
        yield path, value


def _within(value: Any, path: Path) -> Iterator[Number]:
    yield from _itself(value, path)
    if len(path) > _DEEPEST or isinstance(value, (nn.Module, Tensor, type, FunctionType)):
        return
    if type(value) in {list, tuple, dict}:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            if isinstance(key, (str, int)):
                yield from _within(inner, (*path, ("item", key)))
        return
    for name, inner in getattr(value, "__dict__", {}).items():
        yield from _within(inner, (*path, ("attribute", name)))
