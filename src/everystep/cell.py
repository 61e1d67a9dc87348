"""The contract of a cell: parameters, a state, and one pure step.

Everything above this file runs a step over time; nothing above it changes what a step is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from numbers import Integral
from typing import Any, Generic, TypeVar

from torch import Tensor, nn
from torch.compiler import is_dynamo_compiling

from everystep.errors import ArgumentError, StateError, TapError

S = TypeVar("S", bound=tuple[Any, ...])

PartSize = int | str | tuple[int | str, ...]


def _step_missing(self: Cell[S], state: S, x: Any, *context: Any) -> tuple[S, Tensor]:
    """Take one step.

    Args:
        self: The cell.
        state: The state before the step, each part (batch, size).
        x: The input, (batch, input), or a NamedTuple of such streams.
        context: One NamedTuple of per-sequence values, where ``unroll`` was given one.

    Returns:
        The state after the step, and y (batch, output).
    """
    raise NotImplementedError(f"{type(self).__name__} has no step: write def step(self, state, x).")


class Cell(nn.Module, Generic[S]):
    r"""One step of a recurrent network, and the parameters it shares over time.

    .. math:: s(t+1),\ y(t+1) = \mathrm{step}(s(t),\ x(t+1))

    A subclass names its state, a ``NamedTuple`` of tensors, in ``State``, creates its parameters in
    ``__init__`` and writes ``step``. The step is pure: it writes nothing, draws nothing at random and
    does not branch on the values it sees.

    Args:
        input_size: Features of x, 0 or more; for a NamedTuple of streams ``{stream: features}``.
        output_size: Features of y, 0 or more.
        part_sizes: Size of each part of the state, by name: a whole number, a tuple of them for a part
            with several axes, or the name of a ``context`` field whose first axis gives the size
            (attention weights carried from step to step); ``"mask.1"`` takes the second axis of ``mask``.

    Raises:
        StateError: ``State`` is missing, or its fields are not the parts that were given sizes.
        ArgumentError: A size is negative or not whole.

    Example:
        >>> from typing import NamedTuple
        >>> import torch, everystep as es
        >>> class Sum(NamedTuple):
        ...     total: torch.Tensor
        >>> class RunningSum(es.Cell[Sum]):
        ...     State = Sum
        ...     def __init__(self, size):
        ...         super().__init__(size, size, total=size)
        ...     def step(self, state, x):
        ...         total = state.total + x
        ...         return Sum(total), total
        >>> es.unroll(RunningSum(1), torch.ones(4, 1, 1)).y.flatten()
        tensor([1., 2., 3., 4.])
    """

    State: Any  # the NamedTuple
    draws: Any = False  # whether an unroll of this cell, as it is now, draws at random: see noised
    step: Callable[..., tuple[S, Tensor]] = _step_missing  # as nn.Module has forward: a subclass chooses the arguments

    def __init__(self, input_size: int | Mapping[str, int], output_size: int, **part_sizes: PartSize) -> None:
        super().__init__()
        who = type(self).__name__
        self.input_size = dict(input_size) if isinstance(input_size, Mapping) else input_size
        self.output_size = output_size
        self.part_sizes = part_sizes
        inputs = self.input_size if isinstance(self.input_size, dict) else {"input_size": self.input_size}
        for name, size in {**inputs, "output_size": output_size}.items():
            _check_size(who, name, size)
        for name, size in part_sizes.items():
            for n in size if isinstance(size, tuple) else (size,):
                if not isinstance(n, str):  # a context field
                    _check_size(who, name, n)
        _check_state_type(who, getattr(self, "State", None), tuple(part_sizes))

    def initial_state(self, batch_size: int, like: Tensor, context: Any = None) -> S:
        """Make the state before the first step: zeros, unless a cell says otherwise.

        Override it to learn a start: return expanded parameters.

        Args:
            batch_size: Rows of each part, 0 or more.
            like: A floating tensor that gives dtype and device.
            context: The per-sequence values given to ``unroll``; needed where a part is sized by one.

        Returns:
            The state, each part (batch, size).
        """
        shapes = {part: part_shape(self, part, context) for part in self.part_sizes}
        return self.State(**{part: like.new_zeros(batch_size, *shape) for part, shape in shapes.items()})

    def noised(self, x: Any, context: Any = None) -> tuple[Any, Any]:
        """Put what is drawn at random for one unroll beside x and context.

        A step is pure, so what is random about it is drawn before the loop: where ``draws`` is true, ``unroll`` calls
        this once and gives the step what it returns. Every engine then sees the same numbers.

        Args:
            x: The input, (time, batch, input), or a NamedTuple of such streams.
            context: The per-sequence values given to ``unroll``, or None.

        Returns:
            x and context as the step takes them.
        """
        return x, context

    def _asked(self, question: Callable[..., Any], *about: Any) -> Any:
        """Answer for the cell where torch.compile makes a graph, which serves other cells like this one too."""
        return question(self, *about)

    def extra_repr(self) -> str:
        """Show the sizes in ``repr``."""
        parts = ", ".join(f"{part}={size}" for part, size in self.part_sizes.items())
        return f"input={self.input_size}, output={self.output_size}, state: {parts}"


def part_shape(cell: Cell[Any], part: str, context: Any = None) -> tuple[int, ...]:
    """Give the shape of one part of a cell's state, without its batch axis."""
    size = cell.part_sizes[part]
    sizes = size if isinstance(size, tuple) else (size,)
    return tuple(_axis_of(cell, part, n, context) if isinstance(n, str) else n for n in sizes)


def _axis_of(cell: Cell[Any], part: str, size: str, context: Any) -> int:
    field, _, axis = size.partition(".")
    value = getattr(context, field, None)
    if value is None:
        raise StateError(
            f"{type(cell).__name__}: state part {part} is as long as context.{field}, which was not given: "
            f"pass context= with a field {field}."
        )
    return value.shape[int(axis or 0)]


_taps: ContextVar[dict[str, Tensor] | None] = ContextVar("everystep_taps", default=None)
_taps_in_graph: list[dict[str, Tensor] | None] = [None]  # while torch.compile reads a step, which knows no ContextVar


def tap(name: str, value: Tensor) -> Tensor:
    """Name a value inside a step, so that it can be recorded; returns the value unchanged.

    A tap costs nothing unless someone listens. Names of taps and of state parts share one namespace.

    Args:
        name: The name to record it under, used once in a step.
        value: Any tensor with the batch as its first axis.

    Returns:
        ``value`` itself.

    Raises:
        TapError: The name was already used in this step.

    Example:
        >>> import torch, everystep as es
        >>> def step(h, x):
        ...     keep = es.tap("keep", torch.sigmoid(x))
        ...     h = keep * h + (1 - keep) * x
        ...     return h, h
        >>> out = es.unroll(step, torch.zeros(3, 1, 1), torch.ones(1, 1), record="all")
        >>> out.record["keep"].flatten()
        tensor([0.5000, 0.5000, 0.5000])
    """
    seen = _taps_in_graph[-1] if is_dynamo_compiling() else _taps.get()
    if seen is not None:
        if name in seen:
            raise TapError(f'tap "{name}" is used twice in one step: give each tap a name of its own.')
        seen[name] = value
    return value


@contextmanager
def listen() -> Iterator[dict[str, Tensor]]:
    """Collect the taps of the steps taken inside the block: ``{name: value}``."""
    seen: dict[str, Tensor] = {}
    with _taps_go_to(seen):
        yield seen


def unheard() -> AbstractContextManager[None]:
    """Take steps inside the block without anyone hearing their taps."""
    return _taps_go_to(None)


@contextmanager
def _taps_go_to(seen: dict[str, Tensor] | None) -> Iterator[None]:
    if is_dynamo_compiling():
        _taps_in_graph.append(seen)
        yield
        _taps_in_graph.pop()
        return
    token = _taps.set(seen)
    try:
        yield
    finally:
        _taps.reset(token)


def _check_size(who: str, name: str, size: Any) -> None:
    if not isinstance(size, Integral) or isinstance(size, bool) or size < 0:
        raise ArgumentError(f"{who}: {name} is {size!r}; expected a whole number, 0 or more.")


def _check_state_type(who: str, state_type: Any, parts: tuple[str, ...]) -> None:
    fields = getattr(state_type, "_fields", None)
    if fields is None:
        raise StateError(
            f"{who}: State is {state_type!r}; expected a NamedTuple of tensors. Write State = {who}State in the class."
        )
    if set(fields) != set(parts):
        raise StateError(
            f"{who}: State has the parts ({', '.join(fields)}) and sizes were given for ({', '.join(parts)}); "
            "expected the same names."
        )
