"""What ``torch.compile`` is told of functions that it can't read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def at_once(function: F) -> F:
    """Have torch.compile run a function as it is, while it makes a graph, and take what it gives for granted.

    ``torch.compiler.assume_constant_result`` does the same, but loads torch's compiler, which takes a second.
    """
    function._dynamo_marked_constant = True  # pyright: ignore[reportFunctionMemberAccess]  # noqa: SLF001
    return function
