"""Weights copied into the order in which products read them.

A panel is ``[tile][k][slot][lane]``. Each of its views, of one shape (in = K, out = N), gives ``columns`` vectors to a
tile: slot ``g * columns + c`` of tile ``j`` holds, lane by lane, the columns from ``(j * columns + c) * width`` of view
``g``, and zero where there are none.
"""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from everystep.compiler.ir import View
from everystep.engines.llvm.products import made_once, strided
from everystep.engines.llvm.vectors import Value, Vectors


def tile_count(N: int, columns: int, width: int) -> int:
    """The tiles of a panel of views with N columns."""
    return -(-N // (width * columns))


def panel_size(K: int, views: int, N: int, columns: int, width: int) -> int:
    """The elements of a panel."""
    return tile_count(N, columns, width) * K * views * columns * width


def packing(vectors: Vectors, name: str, views: Sequence[View], columns: int) -> ir.Function:
    """The function that packs views of one shape into a panel, a range of its tiles at a time.

    ``pack_NAME(out, first_tile, last_tile, root_0, root_1, ...)``: one root for each view, which may be the same;
    ``out`` is where the whole panel begins.
    """
    p, i = vectors.pointer, vectors.i64

    def body(out: Value, first: Value, last: Value, *roots: Value) -> None:
        with vectors.loop(first, last) as tile:
            for g, (view, root) in enumerate(zip(views, roots, strict=True)):
                pack_view(vectors, view, root, out, tile, (g, len(views), columns))

    return made_once(vectors, f"pack_{name}", [p, i, i, *[p] * len(views)], body, internal=False)


def pack_view(vectors: Vectors, view: View, root: Value, out: Value, tile: Value, place: tuple[int, int, int]) -> None:
    """Packs the columns of one view in a tile; the place: which view, of how many, how many columns each."""
    build, (K, N), (along_k, along_n) = vectors.builder, view.shape, view.strides
    g, views, columns = place
    line = views * columns * vectors.width
    start = vectors.at(out, build.mul(tile, vectors.integer(K * line)), g * columns * vectors.width)
    with vectors.loop(0, columns) as c:
        n = build.mul(build.add(build.mul(tile, vectors.integer(columns)), c), vectors.integer(vectors.width))
        source = vectors.at(root, view.offset, build.mul(n, vectors.integer(along_n)))
        slot = vectors.at(start, build.mul(c, vectors.integer(vectors.width)))
        left = build.sub(vectors.integer(N), n)
        numbers = [vectors.integer(x) for x in (line, along_k, along_n, K)]
        build.call(slot_packing(vectors, view), [slot, source, *numbers, left])


def slot_packing(vectors: Vectors, view: View) -> ir.Function:
    """The function that packs one slot of one tile, whichever is fastest for the strides of a view.

    ``(slot, line, source, along_k, along_n, K, left)``: lines of the tile are ``line`` elements apart; ``left`` columns
    are left from the source on, which may be more than lanes, or none.
    """
    p, i = vectors.pointer, vectors.i64
    kinds = {"pack_vectors": pack_vectors, "pack_transposed": pack_transposed, "pack_numbers": pack_numbers}
    name = "pack_numbers"
    if view.strides[1] == 1:
        name = "pack_vectors"
    elif view.strides[0] == 1 and view.shape[0] >= vectors.width > 1:
        name = "pack_transposed"

    def body(*args: Value) -> None:
        kinds[name](vectors, *args)

    return made_once(vectors, name, [p, p, i, i, i, i, i], body)


def pack_vectors(
    vectors: Vectors, slot: Value, source: Value, line: Value, along_k: Value, _: Value, K: Value, left: Value
) -> None:
    """Copies vectors of adjacent columns."""
    full = vectors.builder.icmp_signed(">=", left, vectors.integer(vectors.width))
    with vectors.builder.if_else(full) as (whole, part):
        with whole, vectors.loop(0, K) as k:
            copy_line(vectors, slot, source, (line, along_k, k), None)
        with part:
            mask = vectors.tail(left)
            with vectors.loop(0, K) as k:
                copy_line(vectors, slot, source, (line, along_k, k), mask)


def copy_line(
    vectors: Vectors, slot: Value, source: Value, where: tuple[Value, Value, Value], mask: Value | None
) -> None:
    line, along_k, k = where
    value = vectors.load(vectors.at(source, vectors.builder.mul(k, along_k)), mask)
    vectors.store(value, vectors.at(slot, vectors.builder.mul(k, line)))


def pack_numbers(
    vectors: Vectors, slot: Value, source: Value, line: Value, along_k: Value, along_n: Value, K: Value, left: Value
) -> None:
    """Copies one number after another, from any strides."""
    build = vectors.builder
    less = build.icmp_signed("<", left, vectors.integer(vectors.width))
    lanes = build.select(less, left, vectors.integer(vectors.width))
    with vectors.loop(0, K) as k:
        to, where = vectors.at(slot, build.mul(k, line)), vectors.at(source, build.mul(k, along_k))
        vectors.store(vectors.number(0.0), to)
        with vectors.loop(0, lanes) as lane:
            number = build.load(vectors.at(where, build.mul(lane, along_n)), typ=vectors.scalar, align=vectors.itemsize)
            build.store(number, vectors.at(to, lane), align=vectors.itemsize)


def pack_transposed(
    vectors: Vectors, slot: Value, source: Value, line: Value, _: Value, along_n: Value, K: Value, left: Value
) -> None:
    """Transposes squares of adjacent rows; the last one overlaps the one before it where K is no multiple of the width."""
    build, width = vectors.builder, vectors.integer(vectors.width)
    some = build.icmp_signed(">", left, vectors.integer(0))
    with build.if_else(some) as (filled, empty):
        with filled:
            columns = column_starts(vectors, source, along_n, left)
            mask = vectors.tail(left)
            with vectors.loop(0, K, vectors.width) as k:
                over = build.icmp_signed(">", build.add(k, width), K)
                row = build.select(over, build.sub(K, width), k)
                square = transposed(vectors, [vectors.load(vectors.at(column, row)) for column in columns])
                lines = strided(vectors, vectors.at(slot, build.mul(row, line)), line, vectors.width)
                for value, to in zip(square, lines, strict=True):
                    vectors.store(vectors.select(mask, value, vectors.number(0.0)), to)
        with empty, vectors.loop(0, K) as k:
            vectors.store(vectors.number(0.0), vectors.at(slot, build.mul(k, line)))


def column_starts(vectors: Vectors, source: Value, along_n: Value, left: Value) -> list[Value]:
    """Where the columns of all lanes begin; lanes past the last column read that one again."""
    build, starts = vectors.builder, [source]
    for lane in range(1, vectors.width):
        within = build.icmp_signed("<", vectors.integer(lane), left)
        following = vectors.at(starts[-1], along_n)
        starts.append(build.select(within, following, starts[-1]))
    return starts


def transposed(vectors: Vectors, rows: list[Value]) -> list[Value]:
    """The columns of a square of vectors, by exchanging ever larger blocks."""
    size = 1
    while size < len(rows):
        rows = exchanged(vectors, rows, size)
        size *= 2
    return rows


def exchanged(vectors: Vectors, rows: list[Value], size: int) -> list[Value]:
    """Each 2 x 2 of blocks with the two off its diagonal exchanged."""
    width, result = len(rows), list(rows)
    lower = [lane if not lane & size else lane + width - size for lane in range(width)]
    upper = [lane + size if not lane & size else lane + width for lane in range(width)]
    for r in (r for r in range(width) if not r & size):
        for to, order in ((r, lower), (r + size, upper)):
            numbers = ir.Constant(ir.VectorType(ir.IntType(32), width), order)
            result[to] = vectors.builder.shuffle_vector(rows[r], rows[r + size], numbers)
    return result
