"""What a cell puts out enters its next step: Jordan's idea, for any cell."""

from __future__ import annotations

from collections import namedtuple
from functools import cache
from typing import Any

import torch
from torch import Tensor

from everystep.cell import Cell
from everystep.errors import ArgumentError
from everystep.layers.beside import changed
from everystep.layers.wrapper import Noise, Wrapper


class Feedback(Wrapper):
    r"""A cell that takes its own last output beside its input.

    .. math:: s(t+1),\ y(t+1) = \mathrm{step}(s(t),\ [x(t+1),\ y(t)])

    y is a part of the state, ``y``: zeros before the first step. So the output can be forced in training, with
    ``es.teacher_forcing(target)`` or :func:`scheduled_sampling`, and is fed back where nothing is forced.

    Args:
        cell: The cell inside; it takes the features of x, and as many again as it puts out.

    Raises:
        ArgumentError: The cell takes no more features than it puts out, or its state has a part y already.

    Example:
        >>> import torch, everystep as es
        >>> decoder = es.layers.Feedback(es.layers.Readout(es.cells.LSTM(3 + 2, 8), 2))  # 3 features of x, 2 of y
        >>> x, target = torch.randn(20, 4, 3), torch.randn(20, 4, 2)
        >>> told = es.unroll(decoder, x, forced=es.teacher_forcing(target))
        >>> free = es.unroll(decoder, x)
        >>> torch.equal(free.state.y, free.y[-1])
        True

    Source: Jordan (1986), "Attractor dynamics and parallelism in a connectionist sequential machine", whose network has
    no other state.
    """

    def __init__(self, cell: Cell[Any]) -> None:
        super().__init__(cell)
        taken, put_out = cell.input_size, cell.output_size
        if not isinstance(taken, int) or taken < put_out:
            raise ArgumentError(
                f"Feedback: {type(cell).__name__} takes {taken} features and puts out {put_out}; expected one that "
                f"takes those of x and {put_out} more."
            )
        if "y" in cell.part_sizes:
            raise ArgumentError(
                f"Feedback: the state of {type(cell).__name__} has a part y; expected a name of its own."
            )
        self.input_size = taken - put_out
        self.part_sizes = cell.part_sizes | {"y": put_out}
        self.State = _with_y(cell.State)

    def initial_state(self, batch_size: int, like: Tensor, context: Any = None) -> Any:
        """Make the state before the first step: that of the cell inside, and zeros for y."""
        inner = super().initial_state(batch_size, like, context)
        return self.State(*inner, like.new_zeros(batch_size, self.output_size))

    def around(self, noise: Noise, state: Any, x: Any, *context: Any) -> tuple[Any, Tensor]:  # noqa: ARG002
        """Take a step on x and the last output."""
        x = changed(lambda now: torch.cat([now, state.y], dim=-1), x)  # [x(t+1), y(t)]
        after, y = self.cell.step(self.cell.State(*state[:-1]), x, *context)
        return self.State(*after, y), y

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "State": None}  # a class that is made anew

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.State = _with_y(self.cell.State)


@cache
def _with_y(kind: Any) -> Any:
    """A state with a part more, that can be pickled though its class has no place in a module."""
    wider = namedtuple(f"{kind.__name__}WithY", (*kind._fields, "y"))  # noqa: PYI024 - the fields are known only now
    wider.__reduce__ = lambda state: (_again, (kind, tuple(state)))  # type: ignore[method-assign]
    return wider


def _again(kind: Any, parts: tuple[Tensor, ...]) -> Any:
    return _with_y(kind)(*parts)
