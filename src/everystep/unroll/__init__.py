"""``unroll``, ``generate`` and ``teacher_forcing``: the one door to every engine."""

from everystep.unroll.choosing import engines, use_engine
from everystep.unroll.forcing import teacher_forcing
from everystep.unroll.generate import generate
from everystep.unroll.unroll import Unrolled, unroll

__all__ = ["Unrolled", "engines", "generate", "teacher_forcing", "unroll", "use_engine"]
