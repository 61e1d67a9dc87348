"""``everystep translate``: from two text files to a translation."""

from __future__ import annotations

import typer

from everystep.cli.translate_fit import fit
from everystep.cli.translate_run import run
from everystep.cli.translate_score import score

translate = typer.Typer(
    name="translate",
    help="Fit a translator to pairs of lines, translate with it, score it.",
    no_args_is_help=True,
)
for command in (fit, run, score):
    translate.command()(command)
