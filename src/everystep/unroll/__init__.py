"""``unroll``, ``generate``, ``stream`` and ``teacher_forcing``: the one door to every engine."""

from everystep.unroll.choosing import engines, use_engine
from everystep.unroll.explain import explain
from everystep.unroll.explanation import Explanation
from everystep.unroll.forcing import teacher_forcing
from everystep.unroll.generate import generate
from everystep.unroll.stream import Stream, stream
from everystep.unroll.unroll import Unrolled, unroll

__all__ = [
    "Explanation",
    "Stream",
    "Unrolled",
    "engines",
    "explain",
    "generate",
    "stream",
    "teacher_forcing",
    "unroll",
    "use_engine",
]
