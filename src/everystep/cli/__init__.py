"""The command line: ``everystep tour``, ``fit``, ``predict``, ``demo``."""

from everystep.cli.program import main

__all__ = ["main"]
