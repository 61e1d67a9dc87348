"""Layers of any cell: stacked, in both directions, regularised, carried over windows of time."""

from everystep.layers.around import Residual, Skip
from everystep.layers.dropout import Dropout
from everystep.layers.end_to_end import EndToEnd
from everystep.layers.feedback import Feedback
from everystep.layers.gaussian import GaussianNoise
from everystep.layers.layer import Layer, Layered
from everystep.layers.layer_norm import LayerNorm
from everystep.layers.learned_start import LearnedStart
from everystep.layers.penalties import activity, temporal_activity
from everystep.layers.readout import Readout
from everystep.layers.recurrent import Recurrent
from everystep.layers.sampling import scheduled_sampling
from everystep.layers.sequential import Sequential
from everystep.layers.states import Ways, detach, flatten, select, unflatten
from everystep.layers.truncated import windows
from everystep.layers.variational import VariationalDropout
from everystep.layers.ways import BothWays, OneWay
from everystep.layers.weight_drop import WeightDrop
from everystep.layers.wrapper import Wrapper
from everystep.layers.zoneout import Zoneout

__all__ = [
    "BothWays",
    "Dropout",
    "EndToEnd",
    "Feedback",
    "GaussianNoise",
    "Layer",
    "LayerNorm",
    "Layered",
    "LearnedStart",
    "OneWay",
    "Readout",
    "Recurrent",
    "Residual",
    "Sequential",
    "Skip",
    "VariationalDropout",
    "Ways",
    "WeightDrop",
    "Wrapper",
    "Zoneout",
    "activity",
    "detach",
    "flatten",
    "scheduled_sampling",
    "select",
    "temporal_activity",
    "unflatten",
    "windows",
]
