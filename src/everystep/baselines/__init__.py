"""Models 1 and 2 of the notes, which a recurrent network is held against."""

from everystep.baselines.feed_forward import FeedForward
from everystep.baselines.general_linear import GeneralLinear
from everystep.baselines.ridge import STRENGTHS, Ridge, fit_ridge
from everystep.baselines.triangle import triangle

__all__ = ["STRENGTHS", "FeedForward", "GeneralLinear", "Ridge", "fit_ridge", "triangle"]
