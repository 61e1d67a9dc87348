"""Gradients of parameters that are summed over all rows and steps after the loop."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import count, pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from everystep.compiler.ir import View
from everystep.compiler.plan import Reduction, Spot


class Deferred(NamedTuple):
    """Outputs of a graph whose product, summed over rows and steps, is a gradient of parameters.

    Without a value that is the gradient itself; with a row it belongs to the one row of a table that this names.
    """

    view: View
    gradient: str
    value: str | None = None
    row: str | None = None


def chains(deferred: Iterable[Deferred]) -> list[list[str]]:
    """Order gradients so that those of neighbouring weights follow each other.

    Four gates are parts of one weight; with their gradients side by side, its gradient is one product.
    """
    following: dict[str, str] = {}
    preceded: set[str] = set()
    in_order = sorted(deferred, key=lambda one: (one.view.root, one.value or one.row or "", one.view.offset))
    for one, other in pairwise(in_order):
        free = one.gradient not in following and other.gradient not in preceded and one.gradient != other.gradient
        along = len(one.view.shape) - 1
        together = one[2:] == other[2:] and one.view.is_followed_by(other.view, along)
        if free and together:
            if _end(following, other.gradient) == one.gradient:
                continue  # it would bite its own tail
            following[one.gradient] = other.gradient
            preceded.add(other.gradient)
    found = []
    for first in dict.fromkeys(one.gradient for one in in_order):
        if first in following and first not in preceded:
            found.append([first])
            while found[-1][-1] in following:
                found[-1].append(following[found[-1][-1]])
    return found


def _end(following: dict[str, str], name: str) -> str:
    while name in following:
        name = following[name]
    return name


def join(reductions: Iterable[Reduction]) -> list[Reduction]:
    """Make one reduction of those whose weights and gradients are neighbours."""
    joined: list[Reduction] = []
    ordered = sorted(reductions, key=lambda one: (one.view.root, str(one.value or one.row), one.view.offset))
    for one in ordered:
        last = joined[-1] if joined else None
        if last is not None and _adjacent(last, one):
            axis = len(one.view.shape) - 1
            view = last.view.part(axis, 0, last.view.shape[axis] + one.view.shape[axis])
            joined[-1] = replace(last, view=view)
        else:
            joined.append(one)
    return joined


def apart(reductions: Iterable[Reduction]) -> list[Reduction]:
    """Let reductions that share an element of a parameter add to copies of its gradient: they may run side by side."""
    reductions = list(reductions)
    taken: dict[tuple[str, int], Tensor] = {}
    found = []
    for one in reductions:
        root = one.view.root
        extent = max(_end_of(other.view) for other in reductions if other.view.root == root)
        for copy in count():
            mask = taken.setdefault((root, copy), torch.zeros(extent, dtype=torch.bool))
            elements = mask.as_strided(one.view.shape, one.view.strides, one.view.offset)
            if not elements.any():
                elements.fill_(value=True)
                found.append(replace(one, copy=copy))
                break
    return found


def _end_of(view: View) -> int:
    """One more than the last element that a view looks at."""
    return view.offset + 1 + sum((n - 1) * stride for n, stride in zip(view.shape, view.strides, strict=True))


def _adjacent(one: Reduction, other: Reduction) -> bool:
    axis = len(one.view.shape) - 1
    after = Spot(one.gradient.place, one.gradient.offset + one.view.shape[axis])
    alike = (one.value, one.row) == (other.value, other.row)
    return alike and other.gradient == after and one.view.is_followed_by(other.view, axis)
