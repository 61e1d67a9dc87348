"""``explain``: what becomes of a step, read from the very plans that are compiled."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from everystep.cell import Cell
from everystep.engines import Job
from everystep.engines.stepping import dtype_name, each_stream, name_of, streams_of
from everystep.errors import ArgumentError, EngineError
from everystep.unroll import arguments
from everystep.unroll.choosing import check_engine, chosen
from everystep.unroll.explanation import Explanation
from everystep.unroll.unroll import prepare

if TYPE_CHECKING:
    from everystep.engines.llvm.explaining import Explained


def explain(
    cell: Cell[Any] | Callable[..., Any],
    *,
    x: Any = None,
    state: Any = None,
    context: Any = None,
    resets: Tensor | None = None,
    forced: Mapping[str, tuple[Tensor, Tensor]] | None = None,
    record: Iterable[str] | str = (),
    engine: str = "auto",
) -> Explanation:
    """Say what becomes of a step: what is moved out of the loop, kept and computed again, and which engine runs it.

    Everything is read from the plans that :func:`~everystep.unroll` compiles for the same arguments.

    Args:
        cell: A :class:`~everystep.Cell`, or a plain function ``(state, x) -> (state, y)``.
        x: An input as for ``unroll``; its first step is enough. A cell knows its sizes, a plain function needs it.
        state: As for ``unroll``; a plain function needs one.
        context: As for ``unroll``.
        resets: As for ``unroll``.
        forced: As for ``unroll``.
        record: As for ``unroll``.
        engine: As for ``unroll``.

    Returns:
        The explanation; ``print`` it.

    Raises:
        ArgumentError: A plain function is given no x.
        EngineError: The engine that was named can't serve this call.

    Example:
        >>> import everystep as es
        >>> why = es.explain(es.cells.LSTM(input_size=3, hidden_size=8))
        >>> why.recomputed, why.kept
        (("tanh(c')",), ("c'", 'output', 'forget', 'input', 'candidate'))
    """
    arguments.check_cell("explain", cell)
    check_engine("explain", engine)
    x = _example(cell) if x is None else x
    job = prepare(
        cell, _first(x), state, context=context, lengths=None, mask=None, resets=_first(resets), reverse=False,
        forced={name: (_first(v), _first(w)) for name, (v, w) in (forced or {}).items()}, record=record,
    )  # fmt: skip
    with torch.no_grad():
        runs_on, why = chosen(engine, job)
    explained = _explained(job)
    told = {} if isinstance(explained, str) else explained._asdict()
    return Explanation(_titled(cell), runs_on, why, _dtype(job), **told)


def _explained(job: Job) -> Explained | str:
    """What compiled code does, or why there is none."""
    try:
        from everystep.engines.llvm.explaining import explained  # loads LLVM, which takes a while

        return explained(job)
    except (EngineError, ImportError) as reason:
        return str(reason)


def _titled(cell: Any) -> str:
    return f"{name_of(cell)}({cell.extra_repr()})" if isinstance(cell, Cell) else name_of(cell)


def _dtype(job: Job) -> str:
    numbers = [*job.state, *streams_of(job.x).values()]
    return next((dtype_name(value) for value in numbers if value.is_floating_point()), "")


def _first(value: Any) -> Any:
    """The first step of what has a value for every step; anything else is left for the checks of unroll."""
    if isinstance(value, Tensor):
        return value[:1] if value.ndim else value
    return each_stream(lambda stream: stream[:1], value) if hasattr(value, "_fields") else value


def _example(cell: Any) -> Any:
    """Make one step of x for a cell, which knows its sizes."""
    if not isinstance(cell, Cell):
        raise ArgumentError(
            f"explain: {name_of(cell)} is a plain function and does not say how large x is: "
            "pass x= and state=, as for unroll."
        )
    parameters = [p for p in cell.parameters() if p.is_floating_point()]
    like = parameters[0].detach() if parameters else torch.empty(0)
    sizes = cell.input_size
    if not isinstance(sizes, dict):
        return like.new_zeros(1, 1, sizes)
    streams = namedtuple("Streams", sizes)  # noqa: PYI024 - the fields are the cell's
    return streams(*(like.new_zeros(1, 1, size) for size in sizes.values()))
