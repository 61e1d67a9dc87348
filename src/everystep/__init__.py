"""everystep: write one step of a recurrent network, run it over whole sequences."""

from __future__ import annotations

from everystep import errors
from everystep.cell import Cell, tap

__version__ = "0.1.0.dev0"

__all__ = ["Cell", "__version__", "errors", "tap"]
