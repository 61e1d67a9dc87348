"""Layers of any cell: stacked, in both directions, regularised, carried over windows of time."""

from everystep.layers.around import Residual, Skip
from everystep.layers.gaussian import GaussianNoise
from everystep.layers.layer import Layer, Layered
from everystep.layers.layer_norm import LayerNorm
from everystep.layers.learned_start import LearnedStart
from everystep.layers.recurrent import Recurrent
from everystep.layers.sequential import Sequential
from everystep.layers.states import Ways, detach, flatten, select, unflatten
from everystep.layers.variational import VariationalDropout
from everystep.layers.ways import BothWays, OneWay
from everystep.layers.weight_drop import WeightDrop
from everystep.layers.wrapper import Wrapper
from everystep.layers.zoneout import Zoneout

__all__ = [
    "BothWays",
    "GaussianNoise",
    "Layer",
    "LayerNorm",
    "Layered",
    "LearnedStart",
    "OneWay",
    "Recurrent",
    "Residual",
    "Sequential",
    "Skip",
    "VariationalDropout",
    "Ways",
    "WeightDrop",
    "Wrapper",
    "Zoneout",
    "detach",
    "flatten",
    "select",
    "unflatten",
]
