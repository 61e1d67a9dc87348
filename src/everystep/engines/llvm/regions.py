"""What a chunk goes through: hoisted, step by step, sunk, and the weight gradients; threads share each out."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from llvmlite import ir as llvm

from everystep.compiler.ir import View
from everystep.compiler.plan import Plan, Reduction
from everystep.engines.llvm.across import Across, Sweeps
from everystep.engines.llvm.apart import Share, tiles_apart
from everystep.engines.llvm.block import Block
from everystep.engines.llvm.contexts import Contexts
from everystep.engines.llvm.layout import Gradient, Layout
from everystep.engines.llvm.products import least
from everystep.engines.llvm.reductions import reduction, reduction_tiles, vector_sum, vector_sum_tiles
from everystep.engines.llvm.scattering import scattering, scattering_tiles
from everystep.engines.llvm.teams import Teams
from everystep.engines.llvm.vectors import Value, Vectors

ADDITION = 4  # multiplications and additions of a tile in registers that take as long as one to what memory holds


class Regions:
    """Emits the regions of a plan.

    Args:
        vectors: Emits arithmetic.
        plan: What to emit.
        layout: Where everything stands in the block.
        backward: Whether steps are taken from the last to the first.
    """

    def __init__(self, vectors: Vectors, plan: Plan, layout: Layout, *, backward: bool) -> None:
        self.v, self.plan, self.layout, self.backward = vectors, plan, layout, backward
        self.block = Block(vectors, layout)
        self.teams = Teams(self.block)
        self.contexts = Contexts(self.block, plan, backward=backward)
        self.across = Across(self.teams, layout)

    def emit(self) -> list[Callable[[], None]]:
        """Emit every region that has work; gives what calls them, in the order in which a chunk goes through them."""
        plan = self.plan
        before, loop, after = (
            self.across.emit(name, sweeps)
            for name, sweeps in {"before": plan.before, "loop": plan.loop, "after": plan.after}.items()
        )
        self.across.emit_region()
        calls: list[Callable[[], None]] = []
        if before:
            calls.append(self._flat("before", before))
        if loop:
            calls.append(self._loop(loop))
        if after:
            calls.append(self._flat("after", after))
        if plan.reductions:
            calls.append(self._reductions())
        return calls

    def _flat(self, name: str, sweeps: Sweeps) -> Callable[[], None]:
        """A region over all rows of a chunk at once, whatever their step."""
        block, kinds, v = self.block, list(sweeps), self.v
        with self.teams.region(name) as piece:
            first, last = self.teams.part(block.rows_of_chunk(), piece)
            context = self.contexts.made(kinds)
            self.contexts.point_at_rows(context, kinds, first)
            for one in sweeps.values():
                one.call(context, v.builder.sub(last, first))
        with self.across.walk(name):
            context = self.contexts.made(kinds)
            self.contexts.point_at_rows(context, kinds, v.integer(0))
            for one in sweeps.values():
                self.across.share(one, context, block.rows_of_chunk())
        return lambda: self.across.choose(name, sweeps, block.rows_of_chunk())

    def _loop(self, sweeps: Sweeps) -> Callable[[], None]:
        """The region that goes step by step, each thread with its own rows of the batch, or its own columns."""
        block, v = self.block, self.v
        with self.teams.region("loop") as piece:
            share = Share(self.teams, tiles_apart(self.plan, self.layout), piece)
            self._steps(sweeps, *share.rows, lambda one, context, rows: one.call(context, rows, share.tiles))
        if not self.layout.most_shared(sweeps):
            return lambda: self.teams.share(v.module.globals["loop"])
        with self.across.walk("loop"):
            self._steps(sweeps, v.integer(0), block.number("rows"), self.across.share)
        return lambda: self.across.choose("loop", sweeps, block.number("rows"))

    def _steps(self, sweeps: Sweeps, first: Value, last: Value, take: Callable[..., None]) -> None:
        """Take every step of the chunk with some rows of the batch."""
        v, block = self.v, self.block
        low, high = block.number("low"), block.number("high")
        context = self.contexts.made(sweeps)
        self.contexts.take_single_rows(context)
        with v.loop(low, high) as n:
            k = v.builder.sub(v.builder.add(low, v.builder.sub(high, v.integer(1))), n) if self.backward else n
            taking = block.rows_of_step(k)
            end = v.builder.select(v.builder.icmp_signed("<", taking, last), taking, last)
            rows = v.builder.sub(end, first)
            with v.builder.if_then(v.builder.icmp_signed(">", rows, v.integer(0))):
                self.contexts.point_at_step(context, k, first)
                for one in sweeps.values():
                    take(one, context, rows)

    # weight gradients

    def _reductions(self) -> Callable[[], None]:
        """The region of the weight gradients: threads share their tiles so that each has as much to do."""
        v = self.v
        functions = [self._reduction(n) for n in range(len(self.plan.reductions))]
        total = sum(self._tiles(n) * self._work_of_tile(n) for n in range(len(functions)))
        with self.teams.region("reduce") as piece:
            first, last = self.teams.part(v.integer(total), piece)
            done = 0
            for n, function in enumerate(functions):
                begin, end = self._tile_at(first, done, n), self._tile_at(last, done, n)
                with v.builder.if_then(v.builder.icmp_signed("<", begin, end)):
                    v.builder.call(function, [*self._operands(n), self.block.rows_of_chunk(), begin, end])
                done += self._tiles(n) * self._work_of_tile(n)
        return lambda: self.teams.share(v.module.globals["reduce"])

    def _tile_at(self, work: Value, done: int, n: int) -> Value:
        """The tile of a gradient that begins nearest to so much work, counted from the first gradient on."""
        build, v, each = self.v.builder, self.v, self._work_of_tile(n)
        tile = build.sdiv(build.add(work, v.integer(each // 2 - done)), v.integer(each))
        tile = build.select(build.icmp_signed("<", tile, v.integer(0)), v.integer(0), tile)
        return least(v, tile, self._tiles(n))

    def _work_of_tile(self, n: int) -> int:
        """Multiplications and additions for one row."""
        one = self.plan.reductions[n]
        return max(1, one.work * (ADDITION if one.value is None else 1) // max(1, self._tiles(n)))

    def _tiles(self, n: int) -> int:
        one = self.plan.reductions[n]
        return _KINDS[_kind(one)].tiles(self.v, one.view)

    def _reduction(self, n: int) -> llvm.Function:
        one = self.plan.reductions[n]
        return _KINDS[_kind(one)].emit(self.v, str(n), one.view)

    def _operands(self, n: int) -> list[Value]:
        one = self.plan.reductions[n]
        operands = [self.block.address(Gradient(one.view.root, one.copy))]
        for place, offset in one.spots:
            first = self.block.number("row_low") if place.space == "time" else self.v.integer(0)
            row = self.contexts.row(place, place, first)
            operands += [self.v.at(row, offset), self.v.integer(self.layout.row_size(place))]
        return operands


class _Kind(NamedTuple):
    """How a weight gradient is emitted, and the tiles that threads share."""

    emit: Callable[[Vectors, str, View], llvm.Function]
    tiles: Callable[[Vectors, View], int]


_KINDS = {
    "product": _Kind(reduction, reduction_tiles),
    "sum": _Kind(vector_sum, vector_sum_tiles),
    "rows": _Kind(scattering, scattering_tiles),
}


def _kind(one: Reduction) -> str:
    return "product" if one.value is not None else "sum" if one.row is None else "rows"
