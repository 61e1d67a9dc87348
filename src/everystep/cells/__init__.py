"""The cells, one equation a file. A new file in this room joins the registry by itself."""

from importlib import import_module
from pkgutil import iter_modules

from everystep.cells.antisymmetric_rnn import AntisymmetricRNN, AntisymmetricRNNState
from everystep.cells.cfc import CfC, CfCInput, CfCState
from everystep.cells.cifg_lstm import CIFGLSTM, CIFGLSTMState
from everystep.cells.cornn import CoRNN, CoRNNState
from everystep.cells.ctrnn import CTRNN, CTRNNState
from everystep.cells.elman import Elman, ElmanState
from everystep.cells.fastgrnn import FastGRNN, FastGRNNState
from everystep.cells.gru import GRU, GRUState
from everystep.cells.indrnn import IndRNN, IndRNNState
from everystep.cells.janet import JANET, JANETState
from everystep.cells.jordan import Jordan, JordanState
from everystep.cells.layernorm_gru import LayerNormGRU, LayerNormGRUState
from everystep.cells.layernorm_lstm import LayerNormLSTM, LayerNormLSTMState
from everystep.cells.lem import LEM, LEMState
from everystep.cells.ligru import LiGRU, LiGRUState
from everystep.cells.linear import LinearState, LinearSystem
from everystep.cells.lru import LRU, LRUState
from everystep.cells.lstm import LSTM, LSTMState
from everystep.cells.mgu import MGU, MGUState
from everystep.cells.mingru import MinGRU, MinGRUState
from everystep.cells.minlstm import MinLSTM, MinLSTMState
from everystep.cells.multiplicative_lstm import MultiplicativeLSTM, MultiplicativeLSTMState
from everystep.cells.nested_lstm import NestedLSTM, NestedLSTMState
from everystep.cells.peephole_lstm import PeepholeLSTM, PeepholeLSTMState
from everystep.cells.projected_lstm import LSTMP
from everystep.cells.qrnn import QRNN, QRNNState
from everystep.cells.registry import CELLS, register
from everystep.cells.slstm import SLSTM, SLSTMState
from everystep.cells.sru import SRU, SRUState
from everystep.cells.star import STAR, STARState
from everystep.cells.ugrnn import UGRNN, UGRNNState

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "CELLS",
    "CIFGLSTM",
    "CTRNN",
    "GRU",
    "JANET",
    "LEM",
    "LRU",
    "LSTM",
    "LSTMP",
    "MGU",
    "QRNN",
    "SLSTM",
    "SRU",
    "STAR",
    "UGRNN",
    "AntisymmetricRNN",
    "AntisymmetricRNNState",
    "CIFGLSTMState",
    "CTRNNState",
    "CfC",
    "CfCInput",
    "CfCState",
    "CoRNN",
    "CoRNNState",
    "Elman",
    "ElmanState",
    "FastGRNN",
    "FastGRNNState",
    "GRUState",
    "IndRNN",
    "IndRNNState",
    "JANETState",
    "Jordan",
    "JordanState",
    "LEMState",
    "LRUState",
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
    "MultiplicativeLSTM",
    "MultiplicativeLSTMState",
    "NestedLSTM",
    "NestedLSTMState",
    "PeepholeLSTM",
    "PeepholeLSTMState",
    "QRNNState",
    "SLSTMState",
    "SRUState",
    "STARState",
    "UGRNNState",
    "register",
]
