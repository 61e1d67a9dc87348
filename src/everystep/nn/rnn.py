"""The drop-in for ``torch.nn.RNN``."""

from __future__ import annotations

from torch import nn

from everystep.nn import bound
from everystep.nn.layer import Layer


class RNN(Layer):
    r"""``torch.nn.RNN``, with the steps of :class:`~everystep.cells.Elman`.

    Constructor, ``state_dict``, first weights and returns are torch's, and so are the errors, with the mend added.
    Beyond torch, :meth:`forward` takes ``lengths``, ``resets`` and ``record``; the state is recorded as ``s``.

    Example:
        >>> import torch, everystep as es
        >>> layer = es.nn.RNN(input_size=3, hidden_size=8, num_layers=2)
        >>> output, h_n = layer(torch.randn(20, 4, 3), lengths=[20, 7, 0, 12])
        >>> output.shape, h_n.shape
        (torch.Size([20, 4, 8]), torch.Size([2, 4, 8]))
    """

    _torchs = nn.RNN
    nonlinearity: str

    def _bind(self, weights: bound.Weights) -> bound.Bound:
        return bound.RNN(weights, self.hidden_size, self.nonlinearity)
