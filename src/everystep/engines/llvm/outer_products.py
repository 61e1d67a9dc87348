"""One tile of a sum over rows of outer products, gathered in scratch memory and then added where it belongs."""

from __future__ import annotations

from typing import NamedTuple

from llvmlite import ir

from everystep.engines.llvm.packing import Slot, vectors_packing
from everystep.engines.llvm.products import least, made_once, most_rows, outer
from everystep.engines.llvm.vectors import Value, Vectors

FEW = 12  # numbers for which nothing is copied
PANEL = 128  # rows whose vectors are copied side by side; they stay in the nearest cache while they are used


class Scratch(NamedTuple):
    """Memory of one call."""

    total: Value  # [number][slot][lane]: the sum
    panel: Value  # [row][slot][lane]: the vectors of some rows


def local(vectors: Vectors, size: int) -> Value:
    """Take memory on the stack for so many elements; to be asked for where a function begins."""
    place = vectors.builder.alloca(vectors.scalar, size)
    place.align = 64
    place.type = vectors.pointer  # llvmlite would take it for a pointer to one number
    return place


class TileSum(NamedTuple):
    """The arguments of :func:`tile_sum`."""

    total: Value
    panel: Value
    v: Value  # where the lanes of the first row are
    v_stride: Value
    lanes: Value  # how many there are; those past the tile are not used
    b: Value  # where the numbers of the first row are
    b_stride: Value
    count: Value  # how many numbers
    rows: Value


def tile_sum(vectors: Vectors, slots: int, rest: int) -> ir.Function:
    """Emit, once per module, the function that writes a tile's sum to ``total``; see :class:`TileSum`.

    ``rest`` is what is left of the count when kernels of most rows have taken theirs (or nothing is).
    """
    p, i = vectors.pointer, vectors.i64

    def body(*given: Value) -> None:
        args = TileSum(*given)
        line = vectors.integer(slots * vectors.width)
        with vectors.loop(0, vectors.builder.mul(args.count, line), vectors.width) as place:
            vectors.store(vectors.number(0.0), vectors.at(args.total, place))
        with vectors.loop(0, args.rows, PANEL) as row:
            add_rows(vectors, args, row, slots, rest)

    return made_once(vectors, f"tile_sum_{slots}_{rest}", [p, p, p, i, i, p, i, i, i], body)


def add_rows(vectors: Vectors, args: TileSum, row: Value, slots: int, rest: int) -> None:
    """Add a panel of rows to a tile's sum."""
    build, group = vectors.builder, most_rows(vectors, slots)
    line = vectors.integer(slots * vectors.width)
    rows = least(vectors, build.sub(args.rows, row), PANEL)
    numbers = vectors.at(args.b, build.mul(row, args.b_stride))
    columns, columns_stride = panel_of(vectors, args, row, rows, slots)

    def add(n: Value, size: int) -> None:
        acc = vectors.at(args.total, vectors.builder.mul(n, line))
        operands = [acc, vectors.integer(slots), vectors.at(numbers, n), args.b_stride, rows, columns, columns_stride]
        vectors.builder.call(outer(vectors, size, slots), operands)

    left = build.srem(args.count, vectors.integer(group)) if rest else vectors.integer(0)
    whole = build.sub(args.count, left)
    with vectors.loop(0, whole, group) as n:
        add(n, group)
    if rest:
        with vectors.builder.if_then(vectors.builder.icmp_signed(">", left, vectors.integer(0))):
            add(whole, rest)


def panel_of(vectors: Vectors, args: TileSum, row: Value, rows: Value, slots: int) -> tuple[Value, Value]:
    """Copy the vectors of some rows side by side, unless few numbers use them; say where they are, and their stride."""
    build, line = vectors.builder, vectors.integer(slots * vectors.width)
    source = vectors.at(args.v, build.mul(row, args.v_stride))
    few = build.icmp_signed("<=", args.count, vectors.integer(FEW))
    direct = build.and_(few, build.icmp_signed(">=", args.lanes, line))
    with build.if_then(build.not_(direct)):
        slot = Slot(args.panel, source, line, args.v_stride, vectors.integer(1), rows, args.lanes)
        build.call(vectors_packing(vectors, slots), slot)
    return build.select(direct, source, args.panel), build.select(direct, args.v_stride, line)


def add_tile(
    vectors: Vectors, grad: Value, strides: tuple[int, int], total: Value, slots: int, size: tuple[Value, Value]
) -> None:
    """Add a tile's sum to a gradient; strides along numbers and lanes, and how many there are of either.

    One line after another, so that elements may share memory.
    """
    along_numbers, along_lanes = strides
    count, lanes = size
    line = vectors.integer(slots * vectors.width)
    most = least(vectors, lanes, line)
    if along_lanes == 1:
        function, stride = vectors_addition(vectors), []
    else:
        function, stride = numbers_addition(vectors), [vectors.integer(along_lanes)]
    vectors.builder.call(function, [grad, vectors.integer(along_numbers), total, line, count, most, *stride])


def vectors_addition(vectors: Vectors) -> ir.Function:
    """Emit, once per module, the function that adds lines of lanes that are neighbours.

    ``(grad, along_numbers, total, line, count, lanes)``.
    """
    p, i = vectors.pointer, vectors.i64

    def body(*given: Value) -> None:
        grad, along_numbers, total, line, count, lanes = given
        with vectors.loop(0, count) as n:
            to = vectors.at(grad, vectors.builder.mul(n, along_numbers))
            source = vectors.at(total, vectors.builder.mul(n, line))
            with vectors.loop(0, lanes, vectors.width) as lane:
                mask, place = vectors.tail(vectors.builder.sub(lanes, lane)), vectors.at(to, lane)
                value = vectors.builder.fadd(vectors.load(place, mask), vectors.load(vectors.at(source, lane)))
                vectors.store(value, place, mask)

    return made_once(vectors, "add_vectors", [p, i, p, i, i, i], body)


def numbers_addition(vectors: Vectors) -> ir.Function:
    """Emit, once per module, the function that adds one number after another.

    ``(grad, along_numbers, total, line, count, lanes, along_lanes)``.
    """
    p, i = vectors.pointer, vectors.i64

    def body(*given: Value) -> None:
        grad, along_numbers, total, line, count, lanes, along_lanes = given
        with vectors.loop(0, count) as n:
            to = vectors.at(grad, vectors.builder.mul(n, along_numbers))
            source = vectors.at(total, vectors.builder.mul(n, line))
            with vectors.loop(0, lanes) as lane:
                place = vectors.at(to, vectors.builder.mul(lane, along_lanes))
                value = vectors.builder.fadd(number(vectors, place), number(vectors, vectors.at(source, lane)))
                vectors.builder.store(value, place, align=vectors.itemsize)

    return made_once(vectors, "add_numbers", [p, i, p, i, i, i, i], body)


def number(vectors: Vectors, place: Value) -> Value:
    """Load the number at an address."""
    return vectors.builder.load(place, typ=vectors.scalar, align=vectors.itemsize)
