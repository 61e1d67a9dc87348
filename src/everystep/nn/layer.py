"""What the three drop-ins share: torch's constructor, weights and words, and steps of our own over time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from everystep.errors import ArgumentError
from everystep.nn.bound import Bound, Weights
from everystep.nn.layout import TimeFirst, layout_of
from everystep.nn.native import is_for_torch
from everystep.nn.record import Wanted, places_of
from everystep.nn.refusal import by_torch, checked_flags, misfit, state_misfit
from everystep.nn.stack import Beyond, Parts, Stack

_Read = tuple[tuple[str, Tensor], ...]  # weights by torch's names


class Layer(nn.RNNBase):
    """A layer of torch whose steps are everystep's.

    It is made by torch's own constructor, whose contents it takes over; torch's class itself is no base, since
    ``torch.compile`` refuses to look into anything that is one.
    """

    _torchs: ClassVar[type[nn.RNNBase]]  # torch's own class
    _kept: ClassVar[tuple[Stack, _Read] | None] = None  # none before a layer has run

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.__dict__.update(vars(self._torchs(*args, **kwargs)))
        self._stack()  # here, where no compiler is at work

    @abstractmethod
    def _bind(self, weights: Weights) -> Bound:
        """Make the cell of one layer and direction."""

    def _apart(self, hx: Any) -> Any:
        """The parts of a state as torch takes it."""
        return (hx,)

    def _together(self, parts: Parts) -> Any:
        """A state as torch gives it."""
        return parts[0]

    def forward(  # type: ignore[override]
        self,
        input: Tensor | PackedSequence,  # noqa: A002 (torch's name)
        hx: Any = None,
        lengths: Tensor | Iterable[int] | None = None,
        resets: Tensor | None = None,
        record: Iterable[str] | str | None = None,
    ) -> Any:
        """Run the layer over a batch of sequences.

        Args:
            input: (time, batch, input); (batch, time, input) with ``batch_first``; (time, input) for one sequence; or a
                PackedSequence.
            hx: The state before the first step, as torch takes it: h_0 (layers * directions, batch, size), for an LSTM
                (h_0, c_0). Zeros when not given.
            lengths: Steps of each sequence, (batch,) whole numbers 0..time. Past its end a sequence's output is zero,
                its state is that after its last step, and the reverse direction begins at that step.
            resets: Bool, laid out as the input without its features: True where a step is the first of an episode.
                The state is zero before it; in the reverse direction, after it.
            record: Names of gates and state parts, for every layer and direction (``"forget"``) or one of them
                (``"layer0.reverse.forget"``), or ``"all"``.

        Returns:
            ``(output, h_n)``, for an LSTM ``(output, (h_n, c_n))``, as torch does. With ``record`` a third item, a
            dict from the path of what was recorded, ``"layer0.forward.forget"``, to its values, which lie as the output
            does.

        Raises:
            LayerError, ArgumentError: Something has the wrong shape, dtype or device; they are also what torch raises,
                RuntimeError and ValueError, and begin with its words.
            UnknownNameError: A recorded name is unknown.
        """
        x = input.data if isinstance(input, PackedSequence) else input
        beyond = not lengths is resets is record is None
        layout = layout_of(input, batch_first=self.batch_first, beyond=beyond)
        if not beyond and isinstance(x, Tensor) and is_for_torch(x):
            return by_torch(
                lambda: self._torchs.forward(self, input, hx), lambda: self._misfit(x, hx, layout, self._stack())
            )
        stack = self._stack()
        why = self._misfit(x, hx, layout, stack)
        if why is not None and beyond:
            raise ArgumentError(why)
        if why is not None:
            return by_torch(lambda: self._torchs.forward(self, input, hx), lambda: why)
        asked = self._asked(layout, stack, x, lengths, resets, record)
        dropout = self.dropout if self.training else 0.0
        ran = stack.run(layout.inward(input), self._states(stack, layout, hx), dropout, asked)
        answer = layout.outward(ran.y), self._together(layout.state_outward(_stacked(ran.last)))
        if record is None:
            return answer
        return *answer, {path: layout.outward(value) for path, value in ran.record.items()}

    def _stack(self) -> Stack:
        """The cells with the weights that the layer has now: those of the last call unless a weight was replaced."""
        own = self._parameters
        if self._kept is not None:
            stack, read = self._kept
            for name, value in read:
                if own.get(name) is not value:
                    break
            else:
                return stack
        named = [{name: getattr(self, name) for name in names} for names in self._all_weights]
        cells = [self._bind({name.partition("_l")[0]: value for name, value in one.items()}) for one in named]
        directions = 2 if self.bidirectional else 1
        stack = Stack(cells, places_of(self.num_layers, directions), directions)
        read = tuple(pair for one in named for pair in one.items())
        if all(own.get(name) is value for name, value in read):  # what was computed from parameters is not kept
            self.__dict__["_kept"] = stack, read
        return stack

    def _misfit(self, x: Any, hx: Any, layout: TimeFirst, stack: Stack) -> str | None:
        """Say what is wrong with a call, or nothing."""
        first, who = stack.cells[0], type(self).__name__
        why = misfit(who, x, first.U, layout.axes, layout.dims)
        if why is not None or hx is None:
            return why
        shapes = [layout.state_shape(len(stack.cells), x, size) for size in first.sizes]
        return state_misfit(who, hx, x, layout.state_axes, shapes)

    def _states(self, stack: Stack, layout: TimeFirst, hx: Any) -> list[Any]:
        """The state of every cell."""
        if hx is None:
            return [None] * len(stack.cells)
        parts = layout.state_inward(self._apart(hx))
        return [stack.cells[0].State(*one) for one in zip(*(part.unbind(0) for part in parts), strict=True)]

    def _asked(
        self, layout: TimeFirst, stack: Stack, x: Tensor, lengths: Any, resets: Any, record: Any
    ) -> Beyond | None:
        """What is asked for beyond torch, time-major."""
        own = layout.lengths
        if layout.batch_sizes is not None:
            return Beyond(batch_sizes=layout.batch_sizes)
        if own is lengths is resets is record is None:
            return None
        who = type(self).__name__
        if lengths is not None and own is not None:
            raise ArgumentError(f"{who}: a PackedSequence has lengths of its own: leave lengths= out.")
        if resets is not None:
            resets = layout.inward(checked_flags(who, "resets", resets, layout.flag_shape(x)))
        wanted = None if record is None else Wanted(who, record, stack.places)
        return Beyond(own if lengths is None else lengths, resets, wanted)

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        super()._apply(fn, recurse)
        self.__dict__.pop("_kept", None)
        self._stack()  # what was made of the weights moves with them
        return self

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("_kept", None)
        return state

    def __setstate__(self, d: dict[str, Any]) -> None:
        super().__setstate__(d)
        self._stack()


def _stacked(last: list[Parts]) -> list[Tensor]:
    """The last states of all cells as torch gives them: (layers * directions, batch, size) for each part."""
    if len(last) == 1:
        return [part.unsqueeze(0) for part in last[0]]
    return [torch.stack(parts) for parts in zip(*last, strict=True)]
