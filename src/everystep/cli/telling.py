"""Tell the person at the terminal something; standard output is kept for results."""

from __future__ import annotations

import sys


def tell(line: str) -> None:
    """Print a line to standard error."""
    print(line, file=sys.stderr, flush=True)
