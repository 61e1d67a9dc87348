"""The program ``everystep``: its commands, and what a refusal looks like on a terminal.

A command is one file of this room with one function of the same name, and one place in ``COMMANDS``; so is a group.
Its file imports what is heavy inside the function, so that ``everystep --help`` stays quick.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from everystep import __version__
from everystep.cli.demo import demo
from everystep.cli.explain import explain
from everystep.cli.fit import fit
from everystep.cli.predict import predict
from everystep.cli.refusal import at_terminal
from everystep.cli.tour import tour
from everystep.cli.translate import translate
from everystep.errors import EverystepError

Command = Callable[..., Any] | typer.Typer

COMMANDS: tuple[Command, ...] = (demo, fit, predict, translate, tour, explain)  # in the order of --help

REFUSED = 2
FAILED = 1
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and leave with its exit code.

    The exit code is 0 when all went well, 2 for a refusal (the message goes to stderr, without a traceback),
    1 where the machine failed (a full disk, a file that may not be read), 130 after Ctrl-C.

    Args:
        arguments: What was typed after ``everystep``; taken from the process when not given.
    """
    try:
        program(COMMANDS)(args=arguments, prog_name="everystep")
    except EverystepError as refusal:
        print(f"everystep: {at_terminal(str(refusal))}", file=sys.stderr)
        sys.exit(REFUSED)
    except OSError as failure:
        print(f"everystep: {failure}", file=sys.stderr)
        sys.exit(FAILED)
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:
            print(f"\neverystep: {_told_by(leaving)}", file=sys.stderr)
        raise


def _told_by(leaving: BaseException) -> str:
    """Find what the interrupt said on its way out: training says what is saved and how to go on."""
    cause = leaving.__cause__ or leaving.__context__
    while cause is not None and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__cause__ or cause.__context__
    return str(cause or "") or "Stopped by Ctrl-C."


def program(commands: Sequence[Command]) -> typer.Typer:
    """Build the program of some commands, each called by the name of its function, and groups of commands."""
    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(everystep)
    for command in commands:
        if isinstance(command, typer.Typer):
            app.add_typer(command)
        else:
            app.command()(command)
    return app


def print_version(wanted: bool) -> None:
    """Print the version and stop, where that is what was asked for."""
    if wanted:
        print(f"everystep {__version__}")
        raise typer.Exit


def everystep(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=print_version, is_eager=True)
    ] = False,
) -> None:
    """Recurrent networks by the step: fit them, see inside them, forecast and translate.

    [bold]everystep demo[/bold] fits, judges and reports on real data in under two minutes;
    [bold]everystep tour[/bold] goes through the lecture notes that the library began from.
    """
