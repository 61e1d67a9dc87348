"""The user's own names: which variable of a step's function holds which value."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from torch import Tensor

from everystep.compiler.ir import Node
from everystep.compiler.trace import Asked, StepCall, trace
from everystep.errors import EngineError

_MARK = "variable "


def variables(
    call: StepCall, function: Callable[..., Any], asked: Asked, roots: Mapping[str, Tensor]
) -> dict[str, Node]:
    """Trace a step once more and listen to the variables that its function has at the end.

    Args:
        call: The step as the tracer calls it.
        function: The user's function.
        asked: What the step is given.
        roots: Every tensor that it may read besides.

    Returns:
        Values of one row by variable; empty where the step has variables that belong to no row.
    """

    def watched(parts: Any, streams: Any, context: Any, rows: int) -> Any:
        with _locals_of(function) as found:
            after, y, taps = call(parts, streams, context, rows)
        given = {id(value) for value in (*parts, *streams.values(), *context.values())}
        own = {n: v for n, v in found.items() if id(v) not in given and v.ndim and v.shape[0] == rows}
        return after, y, {**taps, **{f"{_MARK}{name}": value for name, value in own.items()}}

    try:
        outputs = trace(watched, asked, roots).graph.outputs
    except EngineError:
        return {}
    mark = f"tap:{_MARK}"
    return {name.removeprefix(mark): node for name, node in outputs.items() if name.startswith(mark)}


@contextmanager
def _locals_of(function: Callable[..., Any]) -> Iterator[dict[str, Tensor]]:
    """Collect the tensors among the variables of a function as it returns."""
    plain = inspect.unwrap(function)
    code = getattr(getattr(plain, "__func__", plain), "__code__", None)
    found: dict[str, Tensor] = {}

    def watch(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "return" and frame.f_code is code:
            found.update((name, value) for name, value in frame.f_locals.items() if isinstance(value, Tensor))

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        yield found
    finally:
        sys.setprofile(before)
