"""What runs a step over time: the plain loop, and later the compiled ones. None knows another."""

from everystep.engines import forks  # from the start, so that no fork is missed
from everystep.engines.job import Answer, Forced, Job, NothingToRunError
from everystep.engines.stepping import Parts, Stepper

__all__ = ["Answer", "Forced", "Job", "NothingToRunError", "Parts", "Stepper", "forks"]
