"""Loops whose columns go through time apart: threads may share them out, and none ever waits for another.

That is so where no sum over features takes what the loop itself has written, and everything stands in the columns that
it is made of: gates that only scale and add, as in minGRU, QRNN, SRU or IndRNN.
"""

from __future__ import annotations

from everystep.compiler.ir import Node
from everystep.compiler.plan import Place, Plan, Spot, Sweep
from everystep.engines.llvm.layout import Layout
from everystep.engines.llvm.packing import tile_count
from everystep.engines.llvm.teams import Teams
from everystep.engines.llvm.vectors import Value, Vectors

GIVEN = {"time", "chunk", "row"}  # spaces of what the loop may find, if it does not write it
UNEVEN = 8  # rows for each thread up to which columns are shared: one row more or less is then much


def tiles_apart(plan: Plan, layout: Layout) -> int:
    """The tiles of columns that go through the whole loop apart; 0 if they do not, or there is but one."""
    written = {store.spot.place for sweep in plan.loop for store in sweep.stores}
    cuts = {(sweep.size, layout.arranged[sweep].columns) for sweep in plan.loop}
    if len(cuts) != 1 or not all(_goes_apart(sweep, layout, written) for sweep in plan.loop):
        return 0
    ((size, columns),) = cuts
    tiles = tile_count(size, columns, layout.width)
    return tiles if tiles > 1 else 0


def _goes_apart(sweep: Sweep, layout: Layout, written: set[Place]) -> bool:
    def given(spot: Spot) -> bool:
        return spot.place.space in GIVEN and spot.place not in written

    def own(node: Node, spot: Spot) -> bool:
        return node.size == sweep.size and spot.offset % sweep.size == 0

    return (
        not (sweep.sums or sweep.gathers or sweep.in_runs)
        and all(given(panel.spot) for panel in layout.arranged[sweep].panels)
        and all(given(spot) or own(node, spot) for node, spot in sweep.loads.items())
        and all(own(node, spot) for node, spot in sweep.stores)
    )


class Share:
    """What one thread takes of a loop: some rows of the batch, or some tiles of all rows.

    Args:
        teams: Who shares it.
        tiles: That go through it apart; 0: there are none, threads share rows.
        piece: Which share.

    Attributes:
        rows: The first, and the one after the last.
        tiles: The same; None: all.
    """

    def __init__(self, teams: Teams, tiles: int, piece: Value) -> None:
        v, block = teams.v, teams.block
        bounds = block.number("bounds")
        self.rows = block.listed(bounds, piece), block.listed(bounds, v.builder.add(piece, v.integer(1)))
        self.tiles: tuple[Value, Value] | None = None
        if tiles:
            rows, most = block.number("rows"), v.builder.mul(block.number("pieces"), v.integer(UNEVEN))
            few = v.builder.icmp_signed("<", rows, most)
            self.rows = _either(v, few, (v.integer(0), rows), self.rows)
            self.tiles = _either(v, few, teams.part(v.integer(tiles), piece), (v.integer(0), v.integer(tiles)))


def _either(v: Vectors, first: Value, one: tuple[Value, Value], other: tuple[Value, Value]) -> tuple[Value, Value]:
    return v.builder.select(first, one[0], other[0]), v.builder.select(first, one[1], other[1])
