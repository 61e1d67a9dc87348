"""Weights copied into the order in which products read them.

A panel is ``[tile][k][slot][lane]``. Each of its views, of one shape (in = K, out = N), gives ``columns`` vectors to a
tile: slot ``g * columns + c`` of tile ``j`` holds, lane by lane, the columns from ``(j * columns + c) * width`` of view
``g``, and zero where there are none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from llvmlite import ir

from everystep.compiler.ir import View
from everystep.engines.llvm.products import least, made_once, strided
from everystep.engines.llvm.vectors import Value, Vectors


def tile_count(N: int, columns: int, width: int) -> int:
    """Count the tiles of a panel of views with N columns."""
    return -(-N // (width * columns))


def panel_size(K: int, views: int, N: int, columns: int, width: int) -> int:
    """Count the elements of a panel."""
    return tile_count(N, columns, width) * K * views * columns * width


def packing(vectors: Vectors, name: str, views: Sequence[View], columns: int) -> ir.Function:
    """Emit the function that packs views of one shape into a panel, a range of its tiles at a time.

    ``pack_NAME(out, first_tile, last_tile, root_0, root_1, ...)``: one root for each view, which may be the same;
    ``out`` is where the whole panel begins.
    """
    p, i = vectors.pointer, vectors.i64

    def body(out: Value, first: Value, last: Value, *roots: Value) -> None:
        with vectors.loop(first, last) as tile:
            for g, (view, root) in enumerate(zip(views, roots, strict=True)):
                pack_view(vectors, view, root, out, tile, (g, len(views), columns))

    return made_once(vectors, f"pack_{name}", [p, i, i, *[p] * len(views)], body, internal=False)


class Slot(NamedTuple):
    """The arguments of a function that packs one slot of one tile, or several slots side by side."""

    out: Value  # where the slot's first vector goes
    source: Value  # the first k of the first lane
    line: Value  # elements from its vector of one k to that of the next
    along_k: Value
    along_n: Value
    K: Value
    left: Value  # columns from the first lane on: may be more than lanes, or none

    def vector(self, vectors: Vectors, k: Value) -> Value:
        """Where the vector of a k goes."""
        return vectors.at(self.out, vectors.builder.mul(k, self.line))

    def row(self, vectors: Vectors, k: Value) -> Value:
        """Where the numbers of a k begin."""
        return vectors.at(self.source, vectors.builder.mul(k, self.along_k))


def pack_view(vectors: Vectors, view: View, root: Value, out: Value, tile: Value, place: tuple[int, int, int]) -> None:
    """Pack the columns of one view in a tile; the place: which view, of how many, how many vectors of each."""
    build, (K, N), (along_k, along_n) = vectors.builder, view.shape, view.strides
    g, views, columns = place
    line = views * columns * vectors.width
    start = vectors.at(out, build.mul(tile, vectors.integer(K * line)), g * columns * vectors.width)
    together = columns if along_n == 1 else 1
    for c in range(0, columns, together):
        first = build.add(build.mul(tile, vectors.integer(columns)), vectors.integer(c))
        n = build.mul(first, vectors.integer(vectors.width))
        source = vectors.at(root, view.offset, build.mul(n, vectors.integer(along_n)))
        out = vectors.at(start, c * vectors.width)
        left = build.sub(vectors.integer(N), n)
        numbers = [vectors.integer(number) for number in (line, along_k, along_n, K)]
        build.call(slot_packing(vectors, view, together), [out, source, *numbers, left])


def slot_packing(vectors: Vectors, view: View, together: int) -> ir.Function:
    """Emit, once per module, the function that packs slots of a view; it takes a :class:`Slot`."""
    if view.strides[1] == 1:
        return vectors_packing(vectors, together)
    if view.strides[0] == 1 and view.shape[0] >= vectors.width > 1:
        return packing_by(vectors, "pack_transposed", pack_transposed)
    return packing_by(vectors, "pack_numbers", pack_numbers)


def vectors_packing(vectors: Vectors, together: int) -> ir.Function:
    """Emit, once per module, the function that packs slots of neighbouring columns; it takes a :class:`Slot`."""
    return packing_by(vectors, f"pack_vectors_{together}", partial(pack_vectors, together=together))


def packing_by(vectors: Vectors, name: str, emit: Callable[[Vectors, Slot], None]) -> ir.Function:
    """Emit, once per module, a function that takes a :class:`Slot`."""
    p, i = vectors.pointer, vectors.i64
    return made_once(vectors, name, [p, p, i, i, i, i, i], lambda *given: emit(vectors, Slot._make(given)))


def pack_vectors(vectors: Vectors, slot: Slot, together: int) -> None:
    """Copy neighbouring columns, several vectors at a time."""
    lows = range(0, together * vectors.width, vectors.width)

    def copy(masks: list[Value | None]) -> None:
        with vectors.loop(0, slot.K) as k:
            to, row = slot.vector(vectors, k), slot.row(vectors, k)
            for low, mask in zip(lows, masks, strict=True):
                vectors.store(vectors.load(vectors.at(row, low), mask), vectors.at(to, low))

    full = vectors.builder.icmp_signed(">=", slot.left, vectors.integer(together * vectors.width))
    with vectors.builder.if_else(full) as (yes, no):
        with yes:
            copy([None] * together)
        with no:
            copy([vectors.tail(vectors.builder.sub(slot.left, vectors.integer(low))) for low in lows])


def pack_numbers(vectors: Vectors, slot: Slot) -> None:
    """Copy one number after another, from any strides."""
    lanes = least(vectors, slot.left, vectors.width)
    with vectors.loop(0, slot.K) as k:
        to, row = slot.vector(vectors, k), slot.row(vectors, k)
        vectors.store(vectors.number(0.0), to)
        with vectors.loop(0, lanes) as lane:
            place = vectors.at(row, vectors.builder.mul(lane, slot.along_n))
            number = vectors.builder.load(place, typ=vectors.scalar, align=vectors.itemsize)
            vectors.builder.store(number, vectors.at(to, lane), align=vectors.itemsize)


def pack_transposed(vectors: Vectors, slot: Slot) -> None:
    """Transpose squares; the last one overlaps the one before it where K is no multiple of the width."""
    some = vectors.builder.icmp_signed(">", slot.left, vectors.integer(0))
    with vectors.builder.if_else(some) as (yes, no):
        with yes:
            columns, mask = column_starts(vectors, slot), vectors.tail(slot.left)
            with vectors.loop(0, slot.K, vectors.width) as first:
                k = least(vectors, first, vectors.builder.sub(slot.K, vectors.integer(vectors.width)))
                square = transposed(vectors, [vectors.load(vectors.at(column, k)) for column in columns])
                places = strided(vectors, slot.vector(vectors, k), slot.line, vectors.width)
                for value, place in zip(square, places, strict=True):
                    vectors.store(vectors.select(mask, value, vectors.number(0.0)), place)
        with no, vectors.loop(0, slot.K) as k:
            vectors.store(vectors.number(0.0), slot.vector(vectors, k))


def column_starts(vectors: Vectors, slot: Slot) -> list[Value]:
    """Say where the columns of all lanes begin; lanes past the last column read that one again."""
    starts = [slot.source]
    for lane in range(1, vectors.width):
        within = vectors.builder.icmp_signed("<", vectors.integer(lane), slot.left)
        starts.append(vectors.builder.select(within, vectors.at(starts[-1], slot.along_n), starts[-1]))
    return starts


def transposed(vectors: Vectors, rows: list[Value]) -> list[Value]:
    """Give the columns of a square of vectors, by exchanging ever larger blocks."""
    size = 1
    while size < len(rows):
        rows = exchanged(vectors, rows, size)
        size *= 2
    return rows


def exchanged(vectors: Vectors, rows: list[Value], size: int) -> list[Value]:
    """Exchange the two blocks off the diagonal of each 2 x 2 of blocks."""
    width, result = len(rows), list(rows)
    lower = [lane if not lane & size else lane + width - size for lane in range(width)]
    upper = [lane + size if not lane & size else lane + width for lane in range(width)]
    for r in (r for r in range(width) if not r & size):
        for to, order in ((r, lower), (r + size, upper)):
            numbers = ir.Constant(ir.VectorType(ir.IntType(32), width), order)
            result[to] = vectors.builder.shuffle_vector(rows[r], rows[r + size], numbers)
    return result
