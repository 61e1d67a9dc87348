"""The cells, one equation a file. A new file in this room joins the registry by itself."""

from importlib import import_module
from pkgutil import iter_modules

from everystep.cells.cifg_lstm import CIFGLSTM, CIFGLSTMState
from everystep.cells.elman import Elman, ElmanState
from everystep.cells.gru import GRU, GRUState
from everystep.cells.indrnn import IndRNN, IndRNNState
from everystep.cells.janet import JANET, JANETState
from everystep.cells.jordan import Jordan, JordanState
from everystep.cells.layernorm_gru import LayerNormGRU, LayerNormGRUState
from everystep.cells.layernorm_lstm import LayerNormLSTM, LayerNormLSTMState
from everystep.cells.ligru import LiGRU, LiGRUState
from everystep.cells.linear import LinearState, LinearSystem
from everystep.cells.lstm import LSTM, LSTMState
from everystep.cells.mgu import MGU, MGUState
from everystep.cells.mingru import MinGRU, MinGRUState
from everystep.cells.minlstm import MinLSTM, MinLSTMState
from everystep.cells.peephole_lstm import PeepholeLSTM, PeepholeLSTMState
from everystep.cells.projected_lstm import LSTMP
from everystep.cells.qrnn import QRNN, QRNNState
from everystep.cells.registry import CELLS, register
from everystep.cells.sru import SRU, SRUState
from everystep.cells.ugrnn import UGRNN, UGRNNState

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "CELLS",
    "CIFGLSTM",
    "GRU",
    "JANET",
    "LSTM",
    "LSTMP",
    "MGU",
    "QRNN",
    "SRU",
    "UGRNN",
    "CIFGLSTMState",
    "Elman",
    "ElmanState",
    "GRUState",
    "IndRNN",
    "IndRNNState",
    "JANETState",
    "Jordan",
    "JordanState",
    "LSTMState",
    "LayerNormGRU",
    "LayerNormGRUState",
    "LayerNormLSTM",
    "LayerNormLSTMState",
    "LiGRU",
    "LiGRUState",
    "LinearState",
    "LinearSystem",
    "MGUState",
    "MinGRU",
    "MinGRUState",
    "MinLSTM",
    "MinLSTMState",
    "PeepholeLSTM",
    "PeepholeLSTMState",
    "QRNNState",
    "SRUState",
    "UGRNNState",
    "register",
]
