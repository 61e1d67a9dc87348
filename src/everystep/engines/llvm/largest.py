"""Which feature of a row is the largest: the first of equal ones, and the first NaN where there is one.

A column's number is held in the type of all numbers, which counts exactly to 2^24, far beyond the features of a row.
"""

from __future__ import annotations

from typing import NamedTuple

from everystep.engines.llvm.vectors import Value, Vectors


class Largest(NamedTuple):
    """The largest number seen so far in each lane, and its column."""

    value: Value
    column: Value


def never(vectors: Vectors) -> Value:
    """What is no larger than anything, in every lane."""
    return vectors.number(float("-inf"))


def larger_of(vectors: Vectors, before: Largest, later: Largest, always: Value) -> Largest:
    """Take later columns in the lanes where they are larger, or the first NaN, or always."""
    build = vectors.builder
    nan = build.and_(
        build.fcmp_unordered("uno", later.value, later.value), build.fcmp_ordered("ord", before.value, before.value)
    )
    wins = build.or_(always, build.or_(nan, build.fcmp_ordered(">", later.value, before.value)))
    return Largest(*(vectors.select(wins, new, old) for new, old in zip(later, before, strict=True)))


def first_largest(vectors: Vectors, found: Largest) -> Value:
    """The least column of all lanes that hold the largest number, as a scalar."""
    build, largest = vectors.builder, vectors.splat(vectors.max_lanes(found.value))
    among = build.or_(
        build.fcmp_ordered("==", found.value, largest), build.fcmp_unordered("uno", found.value, found.value)
    )
    columns = vectors.select(among, found.column, vectors.number(float("inf")))
    return vectors.fold_lanes(columns, lambda a, b: build.select(build.fcmp_ordered("<", a, b), a, b))
