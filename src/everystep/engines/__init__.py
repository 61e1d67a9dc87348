"""What runs a step over time: the plain loop, and later the compiled ones. None knows another."""

from everystep.engines.job import Answer, Forced, Job
from everystep.engines.stepping import Parts, Stepper

__all__ = ["Answer", "Forced", "Job", "Parts", "Stepper"]
