"""Memory asked for one row ahead, by sweeps without products: they wait for memory more than they compute.

A processor foresees reads that go on and on, but a row is too short for that: each stream begins anew with every row.
"""

from __future__ import annotations

from collections.abc import Collection

from llvmlite import ir as llvm

from everystep.compiler.plan import Place, Sweep
from everystep.engines.llvm.vectors import Value, Vectors

AHEAD = "ahead"  # the slot of a context that says how many rows further the next one is


def places_ahead(sweep: Sweep, carried: Collection[str]) -> frozenset[Place]:
    """The places that a sweep without products should ask for a row ahead.

    Args:
        sweep: Without products.
        carried: Parts of the state that the plan itself leaves for all time; they were written just now.
    """
    places = {spot.place for node, spot in sweep.loads.items() if node.size > 1 and not node.truth}
    given = {place for place in places if place.space == "time"}
    return frozenset(given | {place for place in places if place.space == "previous" and place.name not in carried})


def ask(v: Vectors, address: Value) -> None:
    """Have memory brought near; nothing is read, so any address will do."""
    i32 = llvm.IntType(32)
    function = v.intrinsic("llvm.prefetch.p0", llvm.VoidType(), [v.pointer, i32, i32, i32])
    reading, nearest, data = (llvm.Constant(i32, n) for n in (0, 3, 1))
    v.builder.call(function, [address, reading, nearest, data])
