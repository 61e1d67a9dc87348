"""The drop-in for ``torch.nn.GRU``."""

from __future__ import annotations

from torch import nn

from everystep.nn import bound
from everystep.nn.layer import Layer


class GRU(Layer):
    r"""``torch.nn.GRU``, with the steps of :class:`~everystep.cells.GRU`, reset after the product.

    Constructor, ``state_dict``, first weights and returns are torch's, and so are the errors, with the mend added.
    Beyond torch, :meth:`forward` takes ``lengths``, ``resets`` and ``record``: of the gates ``reset``, ``update`` and
    ``candidate``, and the state ``h``.

    Example:
        >>> import torch, everystep as es
        >>> layer = es.nn.GRU(input_size=3, hidden_size=8, bidirectional=True)
        >>> output, h_n, record = layer(torch.randn(20, 4, 3), record="update")
        >>> output.shape, list(record)
        (torch.Size([20, 4, 16]), ['layer0.forward.update', 'layer0.reverse.update'])
    """

    _torchs = nn.GRU

    def _bind(self, weights: bound.Weights) -> bound.Bound:
        return bound.GRU(weights, self.hidden_size)
