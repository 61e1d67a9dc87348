"""Recognise what a rearrangement of features is in terms of runs: repeated ones, or runs to be folded into one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from everystep.compiler import ir
from everystep.compiler.ir import Node

FEW = 4  # pieces up to which features are taken one piece after another, each a value of its own


class Axis(NamedTuple):
    """So many features, and from each to the next one so many places in memory."""

    size: int
    stride: int


def axes_of(look: Tensor) -> list[Axis] | None:
    """The axes of a look as strides in memory; None if places do not follow any."""
    if not look.numel():
        return None
    first = int(look[(0,) * look.ndim]) if look.ndim else int(look)
    axes = [_axis(look, d, first) for d in range(look.ndim)]
    places = torch.tensor(first)
    for axis in axes:
        places = places[..., None] + torch.arange(axis.size) * axis.stride
    return axes if torch.equal(places.expand(look.shape), look) else None


def _axis(look: Tensor, d: int, first: int) -> Axis:
    if look.shape[d] == 1:
        return Axis(1, 0)
    second = int(look[tuple(int(axis == d) for axis in range(look.ndim))])
    return Axis(look.shape[d], second - first)


def merged(axes: Sequence[Axis]) -> list[Axis]:
    """The same features with fewest axes."""
    found: list[Axis] = []
    for axis in axes:
        if axis.size == 1:
            continue
        if found and found[-1].stride == axis.stride * axis.size:
            found[-1] = Axis(found[-1].size * axis.size, axis.stride)
        else:
            found.append(axis)
    return found


def repeated(node: Node, look: Tensor, where: str) -> Node | None:
    """The features that a look names if they are runs of a value, each repeated; None if not, or if they are few."""
    axes = axes_of(look)
    if axes is None:
        return None
    axes = merged(axes)
    if len(axes) < 2 or math.prod(a.size for a in axes[: -1 if axes[-1].stride in {0, 1} else None]) <= FEW:
        return None
    own = [axis for axis in axes if axis.stride]
    if not own or not _in_order(own):
        return None
    size = math.prod(axis.size for axis in own)
    return _through(ir.slice_of(node, int(look.reshape(-1)[0]), size, where), axes, where)


def is_dense(axes: Sequence[Axis]) -> bool:
    """Whether axes go through neighbours in some order, each once."""
    return _in_order(sorted((axis for axis in axes if axis.size > 1), key=lambda axis: -axis.stride))


def _in_order(axes: Sequence[Axis]) -> bool:
    """Whether axes go through neighbours in their order."""
    inner = 1
    for axis in reversed(axes):
        if axis.stride != inner:
            return False
        inner *= axis.size
    return True


def _through(value: Node, axes: list[Axis], where: str) -> Node:
    """Repeat runs of a value, the fewest times first, so that what is repeated again stays narrow."""
    source = ir.make("number", value, where=where) if value.truth else value
    done = [axis.stride != 0 for axis in axes]
    for d in sorted((d for d, axis in enumerate(axes) if not axis.stride), key=lambda d: axes[d].size):
        run = math.prod(axis.size for axis, there in zip(axes[d + 1 :], done[d + 1 :], strict=True) if there)
        source, done[d] = ir.repeat(source, axes[d].size, run, where), True
    if not value.truth:
        return source
    return ir.make("not", ir.make("eq", source, ir.constant(0.0), where=where), where=where)


def folded(op: str, node: Node, axes: Sequence[Axis], chosen: Sequence[int], where: str) -> tuple[Node, list[int]]:
    """Fold some axes of a value whose axes go through all its features in some order.

    Returns:
        The value without these axes, and the others in the order in which its features now lie.
    """
    order = sorted(range(len(axes)), key=lambda d: (-axes[d].stride, d))
    while any(d in chosen for d in order):
        last = next(n for n in reversed(range(len(order))) if order[n] in chosen)
        first = last
        while first and order[first - 1] in chosen:
            first -= 1
        times = math.prod(axes[d].size for d in order[first : last + 1])
        run = math.prod(axes[d].size for d in order[last + 1 :])
        node = ir.fold(op, node, times, run, where)
        order = order[:first] + order[last + 1 :]
    return node, order


def is_few(table: Tensor) -> bool:
    """Whether to reduce the rows of a table of places takes few values: the rows, or else the columns, are slices."""
    count, size = table.shape
    if count <= FEW and bool((table.diff(dim=1) == 1).all()):
        return True
    return min(count, size) <= 1 or (size <= FEW and bool((table.diff(dim=0) == 1).all()))


def in_memory(looks: Sequence[Tensor], ndim: int) -> list[int]:
    """An order of axes in which as many as possible of some looks go through memory as it lies, wider ones first."""
    order: list[int] = []
    for look in sorted(looks, key=lambda look: -look.numel()):
        axes = axes_of(look) or []
        own = sorted((d for d in range(len(axes)) if axes[d].stride), key=lambda d, a=axes: -a[d].stride)
        at = 0
        for n, d in enumerate(own):
            if d in order:
                at = order.index(d) + 1
                continue
            following = [order.index(later) for later in own[n + 1 :] if later in order]
            order.insert(min([at, *following]) if following else at, d)
            at = order.index(d) + 1
    return [*order, *(d for d in range(ndim) if d not in order)]
