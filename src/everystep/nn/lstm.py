"""The drop-in for ``torch.nn.LSTM``."""

from __future__ import annotations

from typing import Any

from torch import nn

from everystep.nn import bound
from everystep.nn.layer import Layer
from everystep.nn.stack import Parts


class LSTM(Layer):
    r"""``torch.nn.LSTM``, with the steps of :class:`~everystep.cells.LSTM`; with ``proj_size`` those of ``LSTMP``.

    Constructor, ``state_dict``, first weights and returns are torch's, and so are the errors, with the mend added.
    Beyond torch, :meth:`forward` takes ``lengths``, ``resets`` and ``record``: of the gates ``input``, ``forget``,
    ``candidate`` and ``output``, and the state's ``h`` and ``c`` at every step.

    Example:
        >>> import torch, everystep as es
        >>> layer = es.nn.LSTM(input_size=3, hidden_size=8)
        >>> output, (h_n, c_n) = layer(torch.randn(20, 4, 3))
        >>> output, (h_n, c_n), record = layer(torch.randn(20, 4, 3), record=["forget", "c"])
        >>> record["layer0.forward.c"].shape
        torch.Size([20, 4, 8])
    """

    _torchs = nn.LSTM
    check_forward_args: Any = nn.LSTM.check_forward_args  # what torch's forward calls
    get_expected_cell_size = nn.LSTM.get_expected_cell_size
    permute_hidden: Any = nn.LSTM.permute_hidden

    def _bind(self, weights: bound.Weights) -> bound.Bound:
        if self.proj_size:
            return bound.LSTMP(weights, self.hidden_size, self.proj_size)
        return bound.LSTM(weights, self.hidden_size)

    def _apart(self, hx: Any) -> Any:
        return hx

    def _together(self, parts: Parts) -> Any:
        return parts
