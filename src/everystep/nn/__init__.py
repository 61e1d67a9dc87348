"""Drop-ins for torch's recurrent layers: replace ``torch.nn.`` by ``es.nn.`` and nothing else changes."""

from everystep.nn.cells import GRUCell, LSTMCell, RNNCell
from everystep.nn.gru import GRU
from everystep.nn.lstm import LSTM
from everystep.nn.rnn import RNN

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]
