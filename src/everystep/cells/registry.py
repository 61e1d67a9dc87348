"""Every cell by name, so that tests, pages and commands find a new one by themselves."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from everystep.cell import Cell
from everystep.errors import ArgumentError

C = TypeVar("C", bound=type[Cell[Any]])

CELLS: dict[str, Callable[[int, int], Cell[Any]]] = {}


def register(name: str, **settings: Any) -> Callable[[C], C]:
    """Put a cell class into the registry under a name.

    A registered cell can be built from an input size and a hidden size alone. A class with several published forms is
    registered once for each.

    Args:
        name: The name that commands and tests use.
        settings: Further constructor arguments of this form.

    Example:
        >>> from everystep.cells import CELLS
        >>> CELLS["gru"](3, 8)
        GRU(input=3, output=8, state: h=8)
    """

    def add(cell: C) -> C:
        if name in CELLS:
            raise ArgumentError(f'register: the name "{name}" is taken; give {cell.__name__} another.')
        CELLS[name] = partial(cell, **settings)
        return cell

    return add
