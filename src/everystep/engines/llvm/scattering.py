"""Gradients of tables whose rows are looked up: a sum for each of its rows over the steps that looked at it.

A *tile* is a few vectors of columns of all rows; threads share tiles out. An element takes what it gets in the order
of the rows of the batch and the steps, whoever takes its tile: the split does not change a bit.
"""

from __future__ import annotations

from llvmlite import ir

from everystep.compiler.ir import View
from everystep.engines.llvm.outer_products import number
from everystep.engines.llvm.products import least, made_once
from everystep.engines.llvm.reductions import TOGETHER, overlaps
from everystep.engines.llvm.vectors import Value, Vectors


def scattering_tiles(vectors: Vectors, table: View) -> int:
    """Count the tiles of a table's gradient; elements that may share memory stay together."""
    return min(1, table.shape[1]) if overlaps(table) else -(-table.shape[1] // (TOGETHER * vectors.width))


def scattering(vectors: Vectors, name: str, table: View) -> ir.Function:
    """Emit the function that adds the gradient of a table.

    ``scatter_NAME(grad_root, index, index_stride, d, d_stride, rows, first_tile, last_tile)``: for every row r, the row
    ``index[r * index_stride]`` of the view gets ``d[r * d_stride + n]`` at its element n.
    """
    p, i = vectors.pointer, vectors.i64
    width = table.shape[1] if overlaps(table) else TOGETHER * vectors.width

    def body(*given: Value) -> None:
        root, index, index_stride, d, d_stride, rows, first, last = given
        low = vectors.builder.mul(first, vectors.integer(width))
        high = least(vectors, vectors.builder.mul(last, vectors.integer(width)), table.shape[1])
        with vectors.loop(0, rows) as row:
            build = vectors.builder
            which = vectors.whole(number(vectors, vectors.at(index, build.mul(row, index_stride))))
            to = vectors.at(root, build.mul(which, vectors.integer(table.strides[0])), table.offset)
            _add_row(vectors, to, vectors.at(d, build.mul(row, d_stride)), (low, high), table.strides[1])

    return made_once(vectors, f"scatter_{name}", [p, p, i, p, i, i, i, i], body, internal=False)


def _add_row(vectors: Vectors, to: Value, d: Value, columns: tuple[Value, Value], stride: int) -> None:
    """Add some columns of a row to a row of the table, whose elements are a stride apart."""
    low, high = columns
    if stride == 1:
        with vectors.loop(low, high, vectors.width) as n:
            mask, place = vectors.tail(vectors.builder.sub(high, n)), vectors.at(to, n)
            value = vectors.builder.fadd(vectors.load(place, mask), vectors.load(vectors.at(d, n), mask))
            vectors.store(value, place, mask)
        return
    with vectors.loop(low, high) as n:
        place = vectors.at(to, vectors.builder.mul(n, vectors.integer(stride)))
        value = vectors.builder.fadd(number(vectors, place), number(vectors, vectors.at(d, n)))
        vectors.builder.store(value, place, align=vectors.itemsize)
