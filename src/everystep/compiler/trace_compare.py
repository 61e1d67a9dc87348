"""Hold two recordings of one step, made on different numbers of rows, against each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from everystep.compiler.trace_record import Call
from everystep.compiler.trace_refuse import RUN_AS_IT_IS, TraceError, refusal

# What takes sizes that count the rows; every other operation with a number that does is refused.
_SIZED = {
    "view", "_unsafe_view", "expand", "zeros", "ones", "full", "new_zeros", "new_ones", "new_full", "empty",
    "new_empty", "slice", "split", "split_with_sizes", "unsafe_split", "repeat",
    "native_group_norm",
}  # fmt: skip


def check_same(
    first: Sequence[Call], second: Sequence[Call], rows: tuple[int, int], given: tuple[list[Tensor], list[Tensor]]
) -> None:
    """Refuse a step that does something else for another number of rows; ``given`` are the leaves of both."""
    if len(first) != len(second):
        raise _differs(first[min(len(first), len(second)) - 1].where if first else "", rows)
    numbers: tuple[dict[int, int], dict[int, int]] = (_numbered(given[0]), _numbered(given[1]))
    for a, b in zip(first, second, strict=True):
        if a.op is not b.op or a.grad != b.grad or len(a.outs) != len(b.outs):
            raise _differs(a.where, rows)
        if not _same((a.args, a.kwargs), (b.args, b.kwargs), numbers, a.name in _SIZED):
            raise refusal(
                a.where,
                f"{a.name} uses the number of rows",
                f"a row may not depend on how many there are, or {RUN_AS_IT_IS}",
            )
        for ours, theirs in zip(a.outs, b.outs, strict=True):
            numbers[0][id(ours)], numbers[1][id(theirs)] = len(numbers[0]), len(numbers[1])
            _check_shapes(ours, theirs, rows, a)


def _numbered(tensors: list[Tensor]) -> dict[int, int]:
    return {id(tensor): number for number, tensor in enumerate(tensors)}


def _same(a: Any, b: Any, numbers: tuple[dict[int, int], dict[int, int]], sized: bool) -> bool:
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and _same_tensor(a, b, numbers)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(_same(i, j, numbers, sized) for i, j in zip(a, b, strict=True))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[k], b[k], numbers, sized) for k in a)
    return a == b or (sized and type(a) is int and type(b) is int) or (a != a and b != b)  # noqa: PLR0124 (NaN)


def _same_tensor(a: Tensor, b: Tensor, numbers: tuple[dict[int, int], dict[int, int]]) -> bool:
    ours, theirs = numbers[0].get(id(a)), numbers[1].get(id(b))
    if ours is None and theirs is None:  # a root, or numbers written in the step
        return a is b or torch.equal(a, b)
    return ours == theirs


def _check_shapes(ours: Tensor, theirs: Tensor, rows: tuple[int, int], call: Call) -> None:
    if ours.ndim != theirs.ndim:
        raise _differs(call.where, rows)
    grown = [(a, b) for a, b in zip(ours.shape, theirs.shape, strict=True) if a != b]
    if len(grown) > 1 or any(a * rows[1] != b * rows[0] for a, b in grown):
        shapes = f"{tuple(ours.shape)} for {rows[0]} rows and {tuple(theirs.shape)} for {rows[1]}"
        raise refusal(call.where, f"{call.name} gives {shapes}", f"one axis holds the batch, once, or {RUN_AS_IT_IS}")


def _differs(where: str, rows: tuple[int, int]) -> TraceError:
    return refusal(
        where, f"the step does something else for {rows[1]} rows than for {rows[0]}",
        f"take the same operations for any number of rows, or {RUN_AS_IT_IS}",
    )  # fmt: skip
