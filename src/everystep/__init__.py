"""everystep: write one step of a recurrent network, run it over whole sequences.

The contract is ``Cell``, ``unroll`` runs it, ``draw`` shows it; ``Forecaster`` does the main job on a table, and
``Translator`` turns lines into lines.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from everystep import baselines, cells, errors, layers, nn
from everystep.cell import Cell, tap
from everystep.draw import draw
from everystep.identify import identify
from everystep.unroll import (
    Explanation,
    Stream,
    Unrolled,
    engines,
    explain,
    generate,
    stream,
    teacher_forcing,
    unroll,
    use_engine,
)

if TYPE_CHECKING:
    from everystep import onnx
    from everystep.forecast import Forecaster
    from everystep.translate import Translator

__version__ = "0.1.0.dev0"

__all__ = [
    "Cell",
    "Explanation",
    "Forecaster",
    "Stream",
    "Translator",
    "Unrolled",
    "__version__",
    "baselines",
    "cells",
    "draw",
    "engines",
    "errors",
    "explain",
    "generate",
    "identify",
    "layers",
    "nn",
    "onnx",
    "stream",
    "tap",
    "teacher_forcing",
    "unroll",
    "use_engine",
]

# Names whose rooms are worth loading only when asked for. A name that is also a room's (unroll, draw, identify)
# can't be among them: importing the room would put the room itself in the name's place.
_LATE = {"Forecaster": "everystep.forecast", "Translator": "everystep.translate"}
_LATE_ROOMS = ("onnx",)  # rooms that are themselves handed on


def __getattr__(name: str) -> Any:
    if name in _LATE_ROOMS:
        return import_module(f"everystep.{name}")
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATE[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
