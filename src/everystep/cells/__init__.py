"""The cells, one equation a file. A new file in this room joins the registry by itself."""

from importlib import import_module
from pkgutil import iter_modules

from everystep.cells.elman import Elman, ElmanState
from everystep.cells.gru import GRU, GRUState
from everystep.cells.jordan import Jordan, JordanState
from everystep.cells.linear import LinearState, LinearSystem
from everystep.cells.lstm import LSTM, LSTMState
from everystep.cells.registry import CELLS, register

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "CELLS",
    "GRU",
    "LSTM",
    "Elman",
    "ElmanState",
    "GRUState",
    "Jordan",
    "JordanState",
    "LSTMState",
    "LinearState",
    "LinearSystem",
    "register",
]
