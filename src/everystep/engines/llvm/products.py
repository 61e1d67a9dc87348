"""Rows times packed weights, in registers.

Every element of a product is one chain of multiplications and additions, k ascending, that begins at what the
accumulator holds. So its bits depend neither on the rows and slots that share a call nor on how it is cut along k.

Weights lie packed as ``[tile][k][slot][lane]`` (see :mod:`.packing`): a *slot* is one vector of columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from llvmlite import ir

from everystep.engines.llvm.vectors import Index, Value, Vectors

Operands: TypeAlias = Callable[[Value], tuple[list[Value], list[Value]]]

ROWS = (12, 8, 6, 4, 3, 2, 1)  # that a kernel may have


def registers(vectors: Vectors) -> int:
    """Count the vector registers of the target."""
    many = "avx512" in vectors.features or vectors.module.triple.startswith(("aarch64", "arm64"))
    return 32 if many else 16


def most_rows(vectors: Vectors, slots: int) -> int:
    """Count the rows that fit in registers with so many slots, besides the weights and one number of a row."""
    others = slots + (1 if "fma" in vectors.features else 2)
    return next((rows for rows in ROWS if rows * slots + others <= registers(vectors)), 1)


def most_slots(vectors: Vectors) -> int:
    """Count the slots with which a product of many rows runs fastest."""
    return registers(vectors) // 8


def product(vectors: Vectors, rows: int, slots: int) -> ir.Function:
    """Emit, once per module, the function that adds rows times one tile of packed weights to accumulators.

    ``product(acc, acc_stride, a, a_stride, K, weights)``: the vector ``acc[r * acc_stride + s]`` (the stride counts
    vectors) gets the sum over k of ``a[r * a_stride + k] * weights[k][s]``.
    """
    p, i = vectors.pointer, vectors.i64

    def body(acc: Value, acc_stride: Value, a: Value, a_stride: Value, K: Value, weights: Value) -> None:
        lines = strided(vectors, a, a_stride, rows)
        targets = accumulators(vectors, acc, acc_stride, rows, slots)

        def operands(k: Value) -> tuple[list[Value], list[Value]]:
            return [vectors.at(line, k) for line in lines], slots_at(vectors, weights, slots, k)

        accumulate(vectors, targets, K, operands)

    return made_once(vectors, f"product_{rows}x{slots}", [p, i, p, i, i, p], body)


def single_row(vectors: Vectors, slots: int, tiles: int) -> ir.Function:
    """Emit, once per module, the function that multiplies one row with several tiles of packed weights at a time.

    ``single_row(acc, acc_tile_stride, a, K, weights, weights_tile_stride)``: the vector
    ``acc[t * acc_tile_stride + s]`` (the stride counts vectors) gets the sum over k of ``a[k]`` times the slot ``s`` of
    the tile at ``weights[t * weights_tile_stride]`` (this stride counts elements). The chains of one row and one tile
    are too few to keep the arithmetic units busy.
    """
    p, i = vectors.pointer, vectors.i64

    def body(acc: Value, acc_stride: Value, a: Value, K: Value, weights: Value, weights_stride: Value) -> None:
        starts = strided(vectors, weights, weights_stride, tiles)
        targets = accumulators(vectors, acc, acc_stride, tiles, slots)

        def operands(k: Value) -> tuple[list[Value], list[Value]]:
            columns = [column for start in starts for column in slots_at(vectors, start, slots, k)]
            return [vectors.at(a, k)], columns

        accumulate(vectors, targets, K, operands)

    return made_once(vectors, f"single_row_{slots}x{tiles}", [p, i, p, i, p, i], body)


def outer(vectors: Vectors, rows: int, slots: int) -> ir.Function:
    """Emit, once per module, the function that adds a sum of outer products to accumulators.

    ``outer(acc, acc_stride, a, a_stride, K, columns, columns_stride)``: the vector ``acc[r * acc_stride + s]`` (the
    stride counts vectors) gets the sum over k of ``a[k * a_stride + r]`` times the vector ``s`` at
    ``columns[k * columns_stride]``.
    """
    p, i = vectors.pointer, vectors.i64

    def body(acc: Value, acc_stride: Value, a: Value, *given: Value) -> None:
        a_stride, K, columns, columns_stride = given
        targets = accumulators(vectors, acc, acc_stride, rows, slots)

        def operands(k: Value) -> tuple[list[Value], list[Value]]:
            line = vectors.at(a, vectors.builder.mul(k, a_stride))
            first = vectors.at(columns, vectors.builder.mul(k, columns_stride))
            numbers = [vectors.at(line, r) for r in range(rows)]
            return numbers, [vectors.at(first, s * vectors.width) for s in range(slots)]

        accumulate(vectors, targets, K, operands)

    return made_once(vectors, f"outer_{rows}x{slots}", [p, i, p, i, i, p, i], body)


def accumulate(vectors: Vectors, targets: Sequence[Value], count: Value, operands: Operands) -> None:
    """Add products to the vectors at the targets, one chain each.

    ``operands(k)`` says where a step of k finds its numbers (one per row) and its vectors (one per column); the targets
    are those of the first row, then those of the second. Further unrolled, this runs no faster.
    """

    def step(k: Value, values: list[Value]) -> list[Value]:
        numbers, columns = operands(k)
        loaded, following = [vectors.load(column) for column in columns], []
        for number in numbers:  # each just before it is used, so that few registers wait
            spread = vectors.broadcast(number)
            following += [vectors.fma(spread, column, values[len(following) + c]) for c, column in enumerate(loaded)]
        return following

    values = vectors.fold(0, count, [vectors.load(target) for target in targets], step)
    for target, value in zip(targets, values, strict=True):
        vectors.store(value, target)


def accumulators(vectors: Vectors, acc: Value, stride: Value, lines: int, slots: int) -> list[Value]:
    """Address the vectors that a kernel adds to, those of the first line first; the stride counts vectors."""
    stride = vectors.builder.mul(stride, vectors.integer(vectors.width))
    return [vectors.at(line, s * vectors.width) for line in strided(vectors, acc, stride, lines) for s in range(slots)]


def strided(vectors: Vectors, start: Value, stride: Value, count: int) -> list[Value]:
    """Give addresses at a stride known when the program runs."""
    addresses = [start]
    for _ in range(count - 1):
        addresses.append(vectors.at(addresses[-1], stride))
    return addresses


def slots_at(vectors: Vectors, start: Value, slots: int, k: Value) -> list[Value]:
    """Address the vectors of one step of k within a tile."""
    line = vectors.at(start, vectors.builder.mul(k, vectors.integer(slots * vectors.width)))
    return [vectors.at(line, s * vectors.width) for s in range(slots)]


def least(vectors: Vectors, a: Value, b: Index) -> Value:
    """Give the smaller of two i64."""
    b = vectors.index(b)
    return vectors.builder.select(vectors.builder.icmp_signed("<", a, b), a, b)


def made_once(
    vectors: Vectors, name: str, arg_types: Sequence[ir.Type], body: Callable[..., None], internal: bool = True
) -> ir.Function:
    """Give the module's function of this name, emitted if there is none; the builder goes on where it stood."""
    known = vectors.module.globals.get(name)
    if known is not None:
        return known
    builder = getattr(vectors, "builder", None)
    function = vectors.function(name, arg_types, internal)
    body(*function.args)
    vectors.builder.ret_void()
    vectors.builder = builder
    return function
