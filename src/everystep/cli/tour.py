"""``everystep tour``: the lecture notes, item by item, computed and drawn."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def tour(
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where page, figures and pictures go: tour, if not --json."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the figures as one JSON object and nothing else.")
    ] = False,
    only: Annotated[list[str] | None, typer.Option("--only", metavar="N5", help="One item; may be repeated.")] = None,
    x: Annotated[str | None, typer.Option("--x", metavar="3,1,4", help="The x of the worked example, N5.")] = None,
) -> None:
    """Go through the notes N1-N8: compute every figure, draw every picture, write one page.

    Takes about a minute on two cores. The page can be shown to a class: arrow keys go from item to item.
    """
    from everystep.tour.run import NOTES_X, chosen, go_through, parsed_x
    from everystep.tour.write import checked_directory, figures_json, write_tour

    numbers, numbers_x = chosen(only or []), NOTES_X if x is None else parsed_x(x)
    directory = None if out is None and as_json else checked_directory(out or Path("tour"))
    timed = go_through(numbers, numbers_x, say=_tell)
    items = [item for item, _ in timed]
    if directory is not None:
        page = write_tour(directory, items, {item.number: seconds for item, seconds in timed})
        _tell(f"The page is {page}; figures and pictures lie beside it.")
    if as_json:
        print(figures_json(items))


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
