"""The drop-ins for ``torch.nn.RNNCell``, ``LSTMCell`` and ``GRUCell``: one step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.rnn import RNNCellBase

from everystep.errors import ArgumentError
from everystep.nn import bound
from everystep.nn.bound import Bound, Weights
from everystep.nn.native import is_for_torch
from everystep.nn.refusal import by_torch, checked_flags, misfit, state_misfit
from everystep.unroll import unroll

_AXES = {1: ("(input={})", "(hidden={})"), 2: ("(batch, input={})", "(batch={}, hidden={})")}
_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class OneStep(RNNCellBase):
    """A cell of torch whose step is everystep's; comes before torch's own class among the bases."""

    _kept: ClassVar[tuple[Bound, tuple[tuple[str, Tensor | None], ...]] | None] = None  # none before the cell has run

    @abstractmethod
    def _bind(self, weights: Weights) -> Bound:
        """Make the cell that takes the step."""

    def _apart(self, hx: Any) -> Any:
        """The parts of a state as torch takes it."""
        return (hx,)

    def _together(self, parts: Any) -> Any:
        """A state as torch gives it."""
        return parts[0]

    def forward(  # type: ignore[override]
        self,
        input: Tensor,  # noqa: A002 (torch's name)
        hx: Any = None,
        *,
        resets: Tensor | None = None,
        record: Iterable[str] | str | None = None,
    ) -> Any:
        """Take one step.

        While gradients are on, a call that asks for nothing beyond torch goes to torch's own kernel, which for one step
        is as fast.

        Args:
            input: (batch, input), or (input) for one sequence.
            hx: The state before the step, as torch takes it: h (batch, hidden), for an LSTM (h, c); zeros if not
                given.
            resets: (batch,) bool, or () for one sequence: where true the state is zero before the step.
            record: Names of gates and state parts, or ``"all"``.

        Returns:
            The state after the step as torch gives it; with ``record`` that and a dict from names to values (batch, n).

        Raises:
            LayerError, ArgumentError: Something has the wrong shape, dtype or device; they are also what torch raises,
                RuntimeError and ValueError, and begin with its words.
            UnknownNameError: A recorded name is unknown.
        """
        cell, dims = self._cell(), 1 if isinstance(input, Tensor) and input.dim() == 1 else 2
        why = self._misfit(input, hx, dims, cell)
        if resets is record is None:
            if why is not None or torch.is_grad_enabled() or is_for_torch(input):
                return by_torch(lambda: super(OneStep, self).forward(input, hx), lambda: why)
        elif why is not None:
            raise ArgumentError(why)
        return self._stepped(cell, input, hx, resets, record)

    def _stepped(self, cell: Bound, x: Tensor, hx: Any, resets: Any, record: Any) -> Any:
        """Take the step through ``unroll``."""
        alone = x.dim() == 1
        if resets is not None:
            resets = checked_flags(type(self).__name__, "resets", resets, tuple(x.shape[:-1])).reshape(1, -1)
        parts = None if hx is None else [part.unsqueeze(0) if alone else part for part in self._apart(hx)]
        state = None if parts is None else cell.State(*parts)
        x = x.reshape(1, -1, x.shape[-1])
        out = (
            unroll(cell, x, state)
            if resets is record is None
            else unroll(cell, x, state, resets=resets, record=record or ())
        )
        after = self._together([part.squeeze(0) if alone else part for part in out.state])
        if record is None:
            return after
        return after, {name: value[0, 0] if alone else value[0] for name, value in out.record.items()}

    def _cell(self) -> Bound:
        """The step with the weights that the cell has now."""
        own = self._parameters
        if self._kept is not None and all(own.get(name) is value for name, value in self._kept[1]):
            return self._kept[0]
        weights = {name: getattr(self, name) for name in _NAMES}
        cell = self._bind(weights)
        if all(own.get(name) is value for name, value in weights.items()):
            self.__dict__["_kept"] = cell, tuple(weights.items())
        return cell

    def _misfit(self, x: Any, hx: Any, dims: int, cell: Bound) -> str | None:
        who, (axes, state_axes) = type(self).__name__, _AXES[dims]
        why = misfit(who, x, cell.U, axes, dims)
        if why is not None or hx is None:
            return why
        shapes = [(*x.shape[:-1], size) for size in cell.sizes]
        return state_misfit(who, hx, x, state_axes, shapes)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_kept"}


class RNNCell(OneStep, nn.RNNCell):
    r"""``torch.nn.RNNCell``; the state is recorded as ``s``.

    Example:
        >>> import torch, everystep as es
        >>> es.nn.RNNCell(3, 8)(torch.randn(4, 3)).shape
        torch.Size([4, 8])
    """

    def _bind(self, weights: Weights) -> Bound:
        return bound.RNN(weights, self.hidden_size, self.nonlinearity)


class LSTMCell(OneStep, nn.LSTMCell):
    r"""``torch.nn.LSTMCell``; recorded are ``input``, ``forget``, ``candidate``, ``output``, ``h`` and ``c``.

    Example:
        >>> import torch, everystep as es
        >>> (h, c), record = es.nn.LSTMCell(3, 8)(torch.randn(4, 3), record="forget")
        >>> h.shape, record["forget"].shape
        (torch.Size([4, 8]), torch.Size([4, 8]))
    """

    def _bind(self, weights: Weights) -> Bound:
        return bound.LSTM(weights, self.hidden_size)

    def _apart(self, hx: Any) -> Any:
        return hx

    def _together(self, parts: Any) -> Any:
        return tuple(parts)


class GRUCell(OneStep, nn.GRUCell):
    r"""``torch.nn.GRUCell``; recorded are ``reset``, ``update``, ``candidate`` and ``h``.

    Example:
        >>> import torch, everystep as es
        >>> es.nn.GRUCell(3, 8)(torch.randn(4, 3), resets=torch.tensor([True, False, False, True])).shape
        torch.Size([4, 8])
    """

    def _bind(self, weights: Weights) -> Bound:
        return bound.GRU(weights, self.hidden_size)
