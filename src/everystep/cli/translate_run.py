"""``everystep translate run``: lines in, lines out, in order and as they come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from everystep.translate import Translation


def run(
    directories: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Model directories; several are an ensemble.")
    ],
    beam: Annotated[int | None, typer.Option(metavar="N", help="Hypotheses at a time; 1 is greedy.")] = None,
    n_best: Annotated[int, typer.Option(metavar="N", help="Translations of each line.")] = 1,
    scores: Annotated[bool, typer.Option("--scores", help="Put the score and a tab before each.")] = False,
    attention: Annotated[
        Path | None, typer.Option(metavar="PAGE.html", help="Write what the first lines looked at.")
    ] = None,
) -> None:
    """Translate standard input to standard output, line by line; an empty line stays empty.

    Lines are answered as they come: at a terminal or in a pipe that waits, each by itself.
    With --n-best the number of the line and a tab stand before each translation.
    """
    import sys

    from everystep.cli.refusal import printable
    from everystep.cli.telling import tell
    from everystep.translate import Translator
    from everystep.translate.page import MOST_SHOWN, checked_page, write_page
    from everystep.translate.streaming import Unknowns, translated

    page = None if attention is None else checked_page(attention)
    translator = Translator.load(*directories)
    unknown, shown = Unknowns(translator.fitted.vocabularies.source), []
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
    for number, line, found in translated(translator, sys.stdin.buffer, beam=beam, n_best=n_best):
        if line.strip():
            unknown.look(number, line)
            shown = [*shown, line][:MOST_SHOWN]
        _put_out(number, _written(number, found, n_best, scores))
    for note in unknown.notes:
        tell(f"- {printable(note)}")
    if page is not None:
        write_page(page, translator, shown, "standard input", beam=beam)
        tell(f"The attention page is {page}.")


def _put_out(number: int, lines: Iterator[str]) -> None:
    """Write the answer to a line to standard output, at once.

    Raises:
        RunError: It can't be written.
    """
    import os
    import sys

    from everystep.errors import RunError

    try:
        sys.stdout.write("".join(line + "\n" for line in lines))
        sys.stdout.flush()
    except OSError as cause:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tries once more as it leaves
        if isinstance(cause, BrokenPipeError):  # whoever reads has seen enough, as head does
            raise typer.Exit from None
        raise RunError(
            f"translate run: standard output could not be written: {cause.strerror}. The answers to the lines before "
            f"line {number} are written; go on from there when there is space."
        ) from cause


def _written(number: int, found: list[Translation], n_best: int, scores: bool) -> Iterator[str]:
    for one in found:
        yield "\t".join([*([str(number)] if n_best > 1 else []), *([f"{one.score:.4f}"] if scores else []), one.text])
