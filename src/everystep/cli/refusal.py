"""What a terminal is told: arguments of Python become options, and no text from a table can steer the terminal."""

from __future__ import annotations

import re

_ARGUMENT = re.compile(r'\b(gaps|nonfinite|duplicates|unsorted|constant|timezone|new_ids)="(\w+)"|\b(overwrite)=True')


def at_terminal(message: str) -> str:
    """Write the ways out that a message names as they are typed.

    Args:
        message: The message of an ``EverystepError``, written for callers in Python.

    Returns:
        The same message with options in place of arguments.

    Example:
        >>> from everystep.cli.refusal import at_terminal
        >>> at_terminal('Sort the rows by time, or pass unsorted="sort".')
        'Sort the rows by time, or pass --unsorted sort.'
    """
    return _ARGUMENT.sub(_option, printable(message))


def printable(text: str) -> str:
    r"""Write control characters as escapes, so that an id or a column's name only ever shows.

    Example:
        >>> from everystep.cli.refusal import printable
        >>> print(printable("shop \x1b[31m1"))
        shop \x1b[31m1
    """
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def _option(found: re.Match[str]) -> str:
    name, value, flag = found.groups()
    return f"--{flag}" if flag else f"--{name.replace('_', '-')} {value}"
