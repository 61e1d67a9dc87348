"""Truncated back-propagation through time: a long sequence in windows, the state carried over, its gradient cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from everystep.cell import Cell
from everystep.engines.stepping import described, each_stream, name_of, streams_of
from everystep.errors import ArgumentError, check_whole
from everystep.layers.layer import Layer, Layered
from everystep.layers.states import detach
from everystep.layers.ways import BothWays, OneWay
from everystep.unroll import Unrolled, arguments, unroll

Out = Unrolled[Any] | Layered


def windows(
    model: Cell[Any] | Layer,
    x: Any,
    window: int,
    reach: int | None = None,
    *,
    state: Any = None,
    context: Any = None,
    lengths: Tensor | Iterable[int] | None = None,
    mask: Tensor | None = None,
    resets: Tensor | None = None,
    record: Iterable[str] | str = (),
    engine: str = "auto",
) -> Iterator[tuple[slice, Out]]:
    """Run over a long sequence window by window, for a training loop of one's own.

    A loss on a window's y sends gradients ``reach`` steps back from the window's end, and no further. Where that is
    more than the window, the steps before it are taken again, with the parameters of now, from the state that was
    there. The last window may be shorter, and then reaches as much less far. A window as long as x is full
    back-propagation.

    Args:
        model: A cell, or a layer of cells that go forward in time.
        x: Input, (time, batch, input), or a NamedTuple of such streams.
        window: Steps in a window, 1 or more: k1, the steps from one update of the parameters to the next.
        reach: Steps that a gradient goes back: k2, ``window`` or more; ``window`` when not given.
        state: State before the first step; None is the model's own start.
        context: As for ``unroll``.
        lengths: As for ``unroll``.
        mask: As for ``unroll``.
        resets: As for ``unroll``; true where a new sequence begins, as :class:`EndToEnd` has them.
        record: As for ``unroll``.
        engine: As for ``unroll``.

    Yields:
        The place of the window in time, and what the model gave for it: y and what was recorded for the window's
        steps, and the state after its last one.

    Raises:
        ArgumentError: ``window`` or ``reach`` is not a whole number in its range; the model goes back in time.

    Example:
        >>> import torch, everystep as es
        >>> cell, x, target = es.cells.LSTM(1, 2), torch.randn(10, 3, 1), torch.randn(10, 3, 2)
        >>> optimizer = torch.optim.SGD(cell.parameters(), lr=0.1)
        >>> for place, out in es.layers.windows(cell, x, window=4, reach=8):
        ...     optimizer.zero_grad()
        ...     torch.nn.functional.mse_loss(out.y, target[place]).backward()
        ...     _ = optimizer.step()

    Source: Williams & Peng (1990), "An efficient gradient-based algorithm for on-line training of recurrent network
    trajectories", whose h' is ``window`` and whose h is ``reach``; k1 and k2 in Sutskever (2013), "Training recurrent
    neural networks", section 2.8.
    """
    reach = _checked(model, window, reach)
    first = next(iter(streams_of(x).values()))
    steps, rows = first.shape[:2]
    used = arguments.used_steps("windows", steps, rows, lengths, mask, first.device)
    long = _Long(x, used, arguments.flags("windows", "resets", resets, steps, rows, first.device))
    more = {"context": context, "record": record, "engine": engine}
    before = reach - window  # steps that are taken again
    for start in range(0, steps, window):
        stop = min(start + window, steps)
        begin, following = max(0, start - before), min(max(0, start + window - before), stop)
        outs: list[Out] = []
        for piece in (slice(begin, following), slice(following, stop)):
            if piece.start < piece.stop:
                outs.append(run(model, *long.at(piece), outs[-1].state if outs else state, **more))
        if begin < following:
            state = detach(outs[0].state)  # where the next window begins
        yield slice(start, stop), _last_steps(outs, stop - start)


def run(
    model: Cell[Any] | Layer, x: Any, mask: Tensor | None, resets: Tensor | None, state: Any, **arguments: Any
) -> Out:
    """Run a cell or a layer."""
    if isinstance(model, Cell):
        return unroll(model, x, state, mask=mask, resets=resets, **arguments)
    return model(x, state, mask=mask, resets=resets, **arguments)


class _Long(NamedTuple):
    x: Any
    used: Tensor | None
    resets: Tensor | None

    def at(self, piece: slice) -> tuple[Any, Tensor | None, Tensor | None]:
        """Cut a piece out of everything that has a time axis."""
        used, resets = (None if value is None else value[piece] for value in (self.used, self.resets))
        return each_stream(lambda stream: stream[piece], self.x), used, resets


def _last_steps(outs: list[Out], steps: int) -> Out:
    """Join what followed on each other, and keep the last steps."""
    last = outs[-1]
    record = {name: torch.cat([out.record[name] for out in outs])[-steps:] for name in last.record}
    return replace(last, y=torch.cat([out.y for out in outs])[-steps:], record=record)


def _checked(model: Any, window: Any, reach: Any) -> int:
    if not isinstance(model, Cell | Layer):
        raise ArgumentError(f"windows: model is {described(model)}; expected a cell or a layer.")
    backwards = [
        m for m in model.modules() if isinstance(m, BothWays) or (isinstance(m, OneWay) and m.way == "reverse")
    ]
    if backwards:
        raise ArgumentError(
            f"windows: {name_of(model)} goes back in time, and a window does not know what comes after it: give each "
            "window to the model as a sequence of its own."
        )
    check_whole("windows", "window", window)
    if reach is not None:
        check_whole("windows", "reach", reach)
        if reach < window:
            raise ArgumentError(
                f"windows: reach is {reach} and window {window}; expected a reach of as many steps or more."
            )
    return window if reach is None else reach
