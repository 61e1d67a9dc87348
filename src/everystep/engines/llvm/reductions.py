"""Gradients of weights and of vectors: sums over rows, added to what the gradient holds.

A *tile* of a weight's gradient is a few vectors along one of its axes (the axis of *lanes*) by some features along the
other (the axis of *numbers*). Threads share tiles out. Of each ``SPAN`` rows of a call an element takes the
sum in one chain over ascending rows, whatever tiles share the call: the split does not change a bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from llvmlite import ir

from everystep.compiler.ir import View
from everystep.engines.llvm.outer_products import PANEL, Scratch, add_tile, local, tile_sum
from everystep.engines.llvm.products import least, made_once, most_rows, most_slots
from everystep.engines.llvm.vectors import Value, Vectors

SPAN = 1024  # rows in one chain: short enough that rounding errors stay small
HIGHEST = 256  # numbers in a tile: what the sum of a tile takes in a near cache
LOWEST = 48  # so many numbers use what is copied for a tile often enough
SHARES = 8  # tiles, where there can be so many: enough for the threads of most machines
TOGETHER = 4  # vectors that the sum of a vector's gradient keeps in registers


class Tiling(NamedTuple):
    """How the gradient of a weight is cut."""

    lanes: int  # which axis of the view has the vectors
    slots: int  # vectors in a tile
    last_slots: int  # vectors in the last tile along the lanes
    height: int  # numbers in a tile
    across: int  # tiles along the lanes
    down: int  # tiles along the numbers
    alone: bool  # elements may share memory, so that one thread adds all of them

    @property
    def tiles(self) -> int:
        """The tiles that threads share out."""
        return min(1, self.across * self.down) if self.alone else self.across * self.down


def tiling(vectors: Vectors, view: View) -> Tiling:
    """Cut the gradient of a view: lanes along the axis that wastes fewest, rather that of neighbours in memory."""

    def cost(axis: int) -> float:
        vectors_needed = -(-view.shape[axis] // vectors.width)
        return vectors_needed / max(1, view.shape[axis]) * (1.0 if view.strides[axis] == 1 else 1.2)

    lanes = min((0, 1), key=cost)
    count, numbers = -(-view.shape[lanes] // vectors.width), view.shape[1 - lanes]
    slots = max(1, min(count, most_slots(vectors)))
    across = -(-count // slots)
    last_slots = count - (across - 1) * slots
    height = height_of(numbers, across, math.lcm(most_rows(vectors, slots), most_rows(vectors, last_slots)))
    return Tiling(lanes, slots, last_slots, height, across, -(-numbers // height), overlaps(view))


def height_of(numbers: int, across: int, group: int) -> int:
    """Choose the numbers in a tile: a multiple of what the kernels take, and so that threads get equal shares."""
    down = 1
    while numbers > down * HIGHEST or (across * down < SHARES and numbers >= 2 * down * LOWEST):
        down *= 2
    return max(1, -(-numbers // (down * group))) * group


def overlaps(view: View) -> bool:
    """Tell whether elements of a view may share memory with one another; never no where they do."""
    reach = 0
    for stride, size in sorted((abs(stride), size) for stride, size in zip(view.strides, view.shape, strict=True)):
        if size > 1 and stride <= reach:
            return True
        reach += stride * (size - 1)
    return False


def reduction_tiles(vectors: Vectors, view: View) -> int:
    """Count the tiles of a weight's gradient."""
    return tiling(vectors, view).tiles


def reduction(vectors: Vectors, name: str, view: View) -> ir.Function:
    """Emit the function that adds the gradient of the weight of a product.

    ``reduce_NAME(grad_root, a, a_stride, d, d_stride, rows, first_tile, last_tile)``: the element (k, n) of the view
    gets the sum over rows r of ``a[r * a_stride + k] * d[r * d_stride + n]``. It takes up to 100 KiB of the stack.
    """
    p, i = vectors.pointer, vectors.i64

    def body(*given: Value) -> None:
        root, a, a_stride, d, d_stride, rows, first, last = given
        cut, sides = tiling(vectors, view), (Rows(a, a_stride), Rows(d, d_stride))
        line = cut.slots * vectors.width
        scratch = Scratch(local(vectors, cut.height * line), local(vectors, PANEL * line))
        grad = vectors.at(root, view.offset)
        Reduction(vectors, view, cut, grad, sides[cut.lanes], sides[1 - cut.lanes], rows, scratch).emit(first, last)

    return made_once(vectors, f"reduce_{name}", [p, p, i, p, i, i, i, i], body, internal=False)


class Rows(NamedTuple):
    """Features of all rows: where those of the first row begin, and how many elements are from row to row."""

    start: Value
    stride: Value


@dataclass(frozen=True)
class Reduction:
    """Emits the tiles of one weight's gradient."""

    vectors: Vectors
    view: View
    cut: Tiling
    grad: Value
    lanes: Rows
    numbers: Rows
    rows: Value
    scratch: Scratch

    def emit(self, first: Value, last: Value) -> None:
        """Loop over a range of tiles; those that must stay together count as one."""
        vectors, cut = self.vectors, self.cut
        if cut.alone:
            each = vectors.integer(cut.across * cut.down)
            first, last = vectors.builder.mul(first, each), vectors.builder.mul(last, each)
        with vectors.loop(first, last) as tile:
            across = vectors.builder.srem(tile, vectors.integer(cut.across))
            lane = vectors.builder.mul(across, vectors.integer(cut.slots * vectors.width))
            down = vectors.builder.sdiv(tile, vectors.integer(cut.across))
            number = vectors.builder.mul(down, vectors.integer(cut.height))
            is_last = vectors.builder.icmp_signed("==", across, vectors.integer(cut.across - 1))
            either(
                vectors,
                is_last,
                lambda: self.tile(lane, number, cut.last_slots),
                (lambda: self.tile(lane, number, cut.slots)) if cut.last_slots != cut.slots else None,
            )

    def tile(self, lane: Value, number: Value, slots: int) -> None:
        """Add the gradient of the tile that begins at a feature of either axis."""
        vectors, axis = self.vectors, self.cut.lanes
        build, shape, strides = vectors.builder, self.view.shape, self.view.strides
        lanes = build.sub(vectors.integer(shape[axis]), lane)
        count = least(vectors, build.sub(vectors.integer(shape[1 - axis]), number), self.cut.height)
        offsets = [
            build.mul(feature, vectors.integer(stride))
            for feature, stride in ((lane, strides[axis]), (number, strides[1 - axis]))
        ]
        grad = vectors.at(self.grad, *offsets)
        rest = shape[1 - axis] % self.cut.height % most_rows(vectors, slots)
        with vectors.loop(0, self.rows, SPAN) as row:
            some = least(vectors, vectors.builder.sub(self.rows, row), SPAN)
            v, b = self.at(self.lanes, row, lane), self.at(self.numbers, row, number)
            sides = [v, self.lanes.stride, lanes, b, self.numbers.stride, count]
            vectors.builder.call(tile_sum(vectors, slots, rest), [*self.scratch, *sides, some])
            add_tile(vectors, grad, (strides[1 - axis], strides[axis]), self.scratch.total, slots, (count, lanes))

    def at(self, rows: Rows, row: Value, feature: Value) -> Value:
        """Say where a feature of a row lies."""
        return self.vectors.at(rows.start, feature, self.vectors.builder.mul(row, rows.stride))


def vector_sum_tiles(vectors: Vectors, view: View) -> int:
    """Count the tiles of a vector's gradient."""
    return min(1, view.shape[0]) if overlaps(view) else -(-view.shape[0] // (TOGETHER * vectors.width))


def vector_sum(vectors: Vectors, name: str, view: View) -> ir.Function:
    """Emit the function that adds the gradient of a vector that all rows share.

    ``sum_NAME(grad_root, d, d_stride, rows, first_tile, last_tile)``: the element n of the view gets the sum over rows
    r of ``d[r * d_stride + n]``.
    """
    p, i = vectors.pointer, vectors.i64

    def body(root: Value, d: Value, *given: Value) -> None:
        d_stride, rows, first, last = given
        VectorSum(vectors, view, vectors.at(root, view.offset), Rows(d, d_stride), rows).emit(first, last)

    return made_once(vectors, f"sum_{name}", [p, p, i, i, i, i], body, internal=False)


@dataclass(frozen=True)
class VectorSum:
    """Emits the tiles of one vector's gradient."""

    vectors: Vectors
    view: View
    grad: Value
    d: Rows
    rows: Value

    def emit(self, first: Value, last: Value) -> None:
        """Loop over a range of tiles; those that must stay together count as one."""
        vectors, size = self.vectors, TOGETHER * self.vectors.width
        tiles = -(-self.view.shape[0] // size)
        if overlaps(self.view):
            first, last = (vectors.builder.mul(tile, vectors.integer(tiles)) for tile in (first, last))
        total = local(vectors, size)
        with vectors.loop(first, last) as tile:
            n = vectors.builder.mul(tile, vectors.integer(size))
            is_last = vectors.builder.icmp_signed("==", tile, vectors.integer(tiles - 1))
            last_size = self.view.shape[0] - (tiles - 1) * size
            either(
                vectors,
                is_last,
                lambda: self.tile(n, last_size, total),
                (lambda: self.tile(n, size, total)) if last_size != size else None,
            )

    def tile(self, n: Value, size: int, total: Value) -> None:
        """Add the gradient of ``size`` features from one on."""
        vectors, (stride,) = self.vectors, self.view.strides
        grad = vectors.at(self.grad, vectors.builder.mul(n, vectors.integer(stride)))
        slots = -(-size // vectors.width)
        with vectors.loop(0, self.rows, SPAN) as row:
            some = least(vectors, vectors.builder.sub(self.rows, row), SPAN)
            start = vectors.at(self.d.start, n, vectors.builder.mul(row, self.d.stride))
            sums = summed(vectors, Rows(start, self.d.stride), some, size)
            for s, value in enumerate(sums):
                vectors.store(value, vectors.at(total, s * vectors.width))
            add_tile(vectors, grad, (0, stride), total, slots, (vectors.integer(1), vectors.integer(size)))


def summed(vectors: Vectors, d: Rows, rows: Value, size: int) -> list[Value]:
    """Add up the rows of the first features, as vectors; lanes past them are 0."""
    lows = range(0, size, vectors.width)
    masks = [None if size - low >= vectors.width else vectors.tail(vectors.integer(size - low)) for low in lows]

    def step(row: Value, values: list[Value]) -> list[Value]:
        line = vectors.at(d.start, vectors.builder.mul(row, d.stride))
        loaded = [vectors.load(vectors.at(line, low), mask) for low, mask in zip(lows, masks, strict=True)]
        return [vectors.builder.fadd(value, more) for value, more in zip(values, loaded, strict=True)]

    return vectors.fold(0, rows, [vectors.number(0.0) for _ in lows], step)


def either(vectors: Vectors, condition: Value, yes: Callable[[], None], no: Callable[[], None] | None) -> None:
    """Emit one of two, chosen when the program runs; where there is no second, the first always."""
    if no is None:
        yes()
        return
    with vectors.builder.if_else(condition) as (then, otherwise):
        with then:
            yes()
        with otherwise:
            no()
