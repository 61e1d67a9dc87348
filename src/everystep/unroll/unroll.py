"""``unroll``: the one door from a cell to every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from torch import Tensor

from everystep.cell import Cell
from everystep.engines import Forced, Job, Parts, Stepper
from everystep.engines.stepping import name_of, part_names
from everystep.errors import unknown
from everystep.unroll import arguments
from everystep.unroll.choosing import FASTEST, check_engine, run_on, run_quickly

S = TypeVar("S")


@dataclass(frozen=True, eq=False, repr=False)  # tensors neither compare to one truth nor print in a line
class Unrolled(Generic[S]):
    """What :func:`unroll` returns.

    Attributes:
        y: The outputs, (time, batch, output); zero where no step was taken.
        state: The state after the last step of each sequence, in the cell's own type.
        record: ``{name: (time, batch, size)}``: the taps and parts asked for; a part is recorded after each step.
        engine: The engine that ran.
        why: Why this one: what kept a faster one from serving, if anything did.
    """

    y: Tensor
    state: S
    record: dict[str, Tensor]
    engine: str
    why: str

    def __repr__(self) -> str:
        """Show shapes, not values."""
        parts = zip(part_names(self.state), _parts(self.state), strict=True)
        shown = {"y": self.y, **{f"state.{name}": part for name, part in parts}}
        shown |= {f"record[{name!r}]": values for name, values in self.record.items()}
        shapes = ", ".join(f"{name} {tuple(value.shape)}" for name, value in shown.items())
        return f"Unrolled({shapes}, engine {self.engine!r})"


def unroll(
    cell: Cell[Any] | Callable[..., Any],
    x: Any,
    state: Any = None,
    *,
    context: Any = None,
    lengths: Tensor | Iterable[int] | None = None,
    mask: Tensor | None = None,
    resets: Tensor | None = None,
    forced: Mapping[str, tuple[Tensor, Tensor]] | None = None,
    reverse: bool = False,
    record: Iterable[str] | str = (),
    recompute: str | None = None,
    engine: str = "auto",
) -> Unrolled[Any]:
    r"""Run a cell over a sequence: the same step, the same parameters, at every t.

    .. math:: s(t+1),\ y(t+1) = \mathrm{step}(s(t),\ x(t+1)), \qquad t = 0 \dots T-1

    Args:
        cell: A :class:`~everystep.Cell`, or a plain function ``(state, x) -> (state, y)``.
        x: The input, (time, batch, input), or a NamedTuple of such streams. No steps, no rows and no features
            are all allowed.
        state: The state before the first step, in the cell's own type, each part (batch, size);
            ``cell.initial_state`` when not given. A plain function needs one: a NamedTuple, a tuple or a tensor.
        context: A NamedTuple of per-sequence values, handed to every step as ``step(state, x, context)``.
        lengths: Steps of each sequence, (batch,) whole numbers 0..T. Past its end a sequence's y is zero
            and its state stays.
        mask: (time, batch) bool, true where a step is taken. A step that is not taken leaves the state, its y is zero,
            and its x, reset and forced values, NaN included, are never looked at.
        resets: (time, batch) bool: before that step the state is put back to ``cell.initial_state`` (not to
            ``state=``); zeros for a plain function.
        forced: ``{part: (values (time, batch, size), where (time, batch) bool)}``: where true, ``values[t]``
            replaces the part *entering* step t, after resets. Gradients flow to the values and are cut to the state.
        reverse: Run from the last step to the first; a ragged batch is reversed within each length.
            Everything stays indexed by the time of x.
        record: Names of taps and state parts to return, or ``"all"``.
        recompute: ``"segments"`` keeps about the square root of T states for the backward pass and computes the rest
            again: memory for a long sequence, for a third more time. The reference loop keeps everything all the same.
        engine: ``"auto"``, or an engine by name: ``"llvm"`` (compiled) or ``"reference"`` (the plain loop).

    Returns:
        The outputs, the last state and what was recorded: :class:`Unrolled`.

    Raises:
        ShapeError: An axis is missing or of the wrong size.
        DTypeError, DeviceError: A tensor does not fit the cell's parameters.
        StateError: The state is not of the cell's type.
        ArgumentError: A length is out of range.
        UnknownNameError: A recorded name, forced part or engine is unknown.
        StepError, TapError: The step breaks its contract.
        EngineError: The engine that was named can't serve this call.

    Example:
        >>> import torch, everystep as es
        >>> cell = es.cells.LSTM(input_size=3, hidden_size=8)
        >>> out = es.unroll(cell, torch.randn(20, 4, 3), lengths=[20, 7, 0, 12], record=["forget", "c"])
        >>> out.y.shape, out.record["forget"].shape
        (torch.Size([20, 4, 8]), torch.Size([20, 4, 8]))
        >>> out.state.c.shape
        torch.Size([4, 8])
    """
    check_engine("unroll", engine)
    plain = context is resets is forced is recompute is None and record == ()
    if plain and not getattr(cell, "draws", False):
        quick = run_quickly(engine, cell, x, state, reverse=reverse, lengths=lengths, mask=mask)
        if quick is not None:
            y, last, why = quick
            return Unrolled(y, last, {}, FASTEST, why)
    job = prepare(
        cell, x, state, context=context, lengths=lengths, mask=mask, resets=resets, forced=forced,
        reverse=reverse, record=record, recompute=recompute,
    )  # fmt: skip
    answer, ran, why = run_on(engine, job)
    return Unrolled(answer.y, job.step.assemble(answer.state), answer.record, ran, why)


def prepare(
    cell: Cell[Any] | Callable[..., Any],
    x: Any,
    state: Any,
    *,
    context: Any,
    lengths: Any,
    mask: Any,
    resets: Any,
    forced: Any,
    reverse: bool,
    record: Any,
    recompute: Any = None,
) -> Job:
    """Check the arguments of :func:`unroll` and fill in every default."""
    who = name_of(cell)
    arguments.check_cell("unroll", cell)
    arguments.check_input(who, cell, x)
    steps, rows, like = arguments.extent(cell, x)
    initial = initial_of(cell, rows, like, state, context)
    if isinstance(cell, Cell):
        arguments.check_state(f"{who}.initial_state", cell, initial, rows, like, context)
    state = initial if state is None else state
    arguments.check_state(who, cell, state, rows, like, context)
    if isinstance(cell, Cell) and cell.draws:
        x, context = cell.noised(x, context)
    stepper = Stepper(cell, state, context)
    return Job(
        step=stepper,
        x=x,
        state=_parts(state),
        initial=_parts(initial),
        used=arguments.used_steps(who, steps, rows, lengths, mask, like.device),
        resets=arguments.flags(who, "resets", resets, steps, rows, like.device),
        forced=_forced(who, stepper, _parts(state), forced, steps),
        reverse=reverse,
        record=arguments.recorded(who, record),
        recompute=arguments.recomputed(who, recompute),
    )


def initial_of(cell: Any, rows: int, like: Tensor, state: Any, context: Any) -> Any:
    """Give what a reset puts back: the cell's own start; zeros for a plain function, like the state it was given."""
    if not isinstance(cell, Cell):
        return arguments.zeros_like_state(name_of(cell), state)
    sized_by_context = any(isinstance(n, str) for size in cell.part_sizes.values() for n in arguments.axes(size))
    return cell.initial_state(rows, like, context) if sized_by_context else cell.initial_state(rows, like)


def _parts(state: Any) -> Parts:
    return (state,) if isinstance(state, Tensor) else tuple(state)


def _forced(who: str, stepper: Stepper, parts: Parts, forced: Any, steps: int) -> dict[str, Forced]:
    named = dict(zip(stepper.part_names, parts, strict=True))
    checked = {}
    for name, pair in arguments.forced_parts(who, forced).items():
        if name not in named:
            raise unknown(who, "forced part", name, named)
        checked[name] = arguments.forced_pair(who, name, pair, steps, named[name])
    return checked
