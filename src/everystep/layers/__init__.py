"""Layers of any cell: stacked, in both directions, regularised, carried over windows of time."""

from everystep.layers.around import Residual, Skip
from everystep.layers.layer import Layer, Layered
from everystep.layers.recurrent import Recurrent
from everystep.layers.sequential import Sequential
from everystep.layers.states import Ways, detach, flatten, select, unflatten
from everystep.layers.ways import BothWays, OneWay

__all__ = [
    "BothWays",
    "Layer",
    "Layered",
    "OneWay",
    "Recurrent",
    "Residual",
    "Sequential",
    "Skip",
    "Ways",
    "detach",
    "flatten",
    "select",
    "unflatten",
]
