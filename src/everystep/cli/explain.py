"""``everystep explain``: what becomes of the step of a cell."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def explain(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A cell of the library: lstm, gru ...")] = None,
    cell: Annotated[
        str | None, typer.Option(metavar="FILE.py:CLASS", help="A cell of your own instead; the file is run.")
    ] = None,
    input_size: Annotated[int, typer.Option("--input", min=0, help="Features of x.")] = 3,
    hidden_size: Annotated[int, typer.Option("--hidden", min=0, help="Features of the state.")] = 8,
) -> None:
    """Say what becomes of a step: what leaves the loop, what is kept and redone, what it costs, and what runs it."""
    from everystep.cells import CELLS
    from everystep.errors import ArgumentError, unknown
    from everystep.unroll import explain as explained

    if (name is None) == (cell is None):
        raise ArgumentError(
            f"explain: expected a NAME or --cell FILE.py:CLASS, one of them. Names: {', '.join(CELLS)}."
        )
    if name is not None and name not in CELLS:
        raise unknown("explain", "cell", name, CELLS)
    make = CELLS[name] if name is not None else _own(cell or "")
    print(explained(_made(make, input_size, hidden_size)))


def _own(named: str) -> Any:
    """Find the class of a user's file.

    Raises:
        ArgumentError: There is no such file, or what is named is no cell.
        UnknownNameError: The file has no such class.
    """
    from everystep.cell import Cell
    from everystep.errors import ArgumentError, unknown

    file, _, name = named.rpartition(":")
    path = Path(file)
    if not file or not path.is_file():
        raise ArgumentError(f"explain: --cell is {named}; expected FILE.py:CLASS with a file that is there.")
    found = vars(_run(path))
    cells = [key for key, value in found.items() if isinstance(value, type) and issubclass(value, Cell)]
    if name not in found:
        raise unknown(f"explain: {path}", "class", name, [key for key in cells if found[key] is not Cell])
    if name not in cells:
        raise ArgumentError(f"explain: {name} of {path} is no class of cells; expected class {name}(es.Cell[...]).")
    return found[name]


def _run(path: Path) -> Any:
    """Run a user's file as a module, with its folder on the path as Python itself would have it."""
    import importlib.util
    import sys

    from everystep.errors import ArgumentError

    name = f"explained_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ArgumentError(f"explain: {path} is no Python file; expected FILE.py:CLASS.")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent.resolve()))
    sys.modules[name] = module
    spec.loader.exec_module(module)  # an error in the user's file keeps its traceback
    return module


def _made(make: Any, input_size: int, hidden_size: int) -> Any:
    """Build a cell of two sizes."""
    from everystep.errors import ArgumentError

    try:
        return make(input_size, hidden_size)
    except TypeError as error:
        who = getattr(make, "__name__", "the cell")
        raise ArgumentError(
            f"explain: {who} is not built as {who}(input_size, hidden_size): {error}; use es.explain(cell) in Python."
        ) from error
