"""Steps of few rows: threads share the columns of each sweep instead of the rows.

One thread walks through the steps. Every sweep that is worth it is a region of its own, so that all of it is done
before the next one begins and no thread waits for another within a region. A column's sums are the same chains
whoever adds them: results do not depend on the choice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeAlias

from llvmlite import ir as llvm

from everystep.compiler.plan import Sweep
from everystep.engines.llvm.layout import Layout
from everystep.engines.llvm.runs import RunsEmitter
from everystep.engines.llvm.sweep import SweepEmitter
from everystep.engines.llvm.teams import Teams
from everystep.engines.llvm.vectors import Value, Vectors


class Written(NamedTuple):
    """A sweep that has been emitted.

    Attributes:
        vectors: What it was emitted through.
        function: ``sweep(context, rows, first_tile, last_tile)``.
        number: Of all sweeps of the plan.
        tiles: Into which its columns are cut.
        work: Multiplications and additions for one row, if threads may share its columns; else 0.
    """

    vectors: Vectors
    function: llvm.Function
    number: int
    tiles: int
    work: int

    def call(self, context: Value, rows: Value, tiles: tuple[Value, Value] | None = None) -> None:
        """Emit a call that does all columns, or those of some tiles: the first, and the one after the last."""
        v = self.vectors
        first, last = tiles or (v.integer(0), v.integer(self.tiles))
        v.builder.call(self.function, [context, rows, first, last])


Sweeps: TypeAlias = dict[Sweep, Written]


class Across:
    """Emits sweeps, and what goes through them with all threads at one of them.

    Args:
        teams: Emits regions.
        layout: Where everything stands in the block.
    """

    def __init__(self, teams: Teams, layout: Layout) -> None:
        self.teams, self.block, self.v, self.layout = teams, teams.block, teams.v, layout
        self._known: list[Written] = []

    def emit(self, name: str, sweeps: tuple[Sweep, ...]) -> Sweeps:
        """Emit the sweeps of a region."""
        return {sweep: self._written(f"{name}_{n}", sweep) for n, sweep in enumerate(sweeps)}

    def _written(self, name: str, sweep: Sweep) -> Written:
        kind = RunsEmitter if sweep.in_runs else SweepEmitter
        emitter, work = kind(self.v, self.layout, sweep, name), self.layout.shared_work(sweep)
        self._known.append(Written(self.v, emitter.emit(), len(self._known), emitter.tiles, work))
        return self._known[-1]

    def emit_region(self) -> None:
        """Emit the region that shares the columns of one sweep, whichever the block names."""
        v, block = self.v, self.block
        shared = [one for one in self._known if one.work]
        if not shared:
            return
        with self.teams.region("columns") as piece:
            context, rows = v.builder.inttoptr(block.number("context"), v.pointer), block.number("lines")
            after = v.builder.append_basic_block("done")
            switch = v.builder.switch(block.number("sweep"), after)
            for one in shared:
                with v.builder.goto_block(v.builder.append_basic_block(f"sweep_{one.number}")):
                    switch.add_case(v.integer(one.number), v.builder.block)
                    first, last = self.teams.part(v.integer(one.tiles), piece)
                    v.builder.call(one.function, [context, rows, first, last])
                    v.builder.branch(after)
            v.builder.position_at_end(after)

    @contextmanager
    def walk(self, name: str) -> Iterator[None]:
        """The function in which one thread goes through a region's work, sharing sweeps."""
        function = self.v.function(f"{name}_across", [self.v.pointer])
        self.block.start = function.args[0]
        yield
        self.v.builder.ret_void()

    def share(self, one: Written, context: Value, rows: Value) -> None:
        """Do a sweep, its columns shared where there are enough for that."""
        v = self.v
        if not one.work:
            one.call(context, rows)
            return
        work = v.builder.mul(rows, v.integer(one.work))
        worth = v.builder.icmp_signed(">=", work, self.block.number("worth"))
        with v.builder.if_else(worth) as (together, alone):
            with together:
                numbers = {
                    "context": v.builder.ptrtoint(context, v.i64),
                    "lines": rows,
                    "sweep": v.integer(one.number),
                }
                for name, value in numbers.items():
                    self.block.set(name, value)
                self.teams.share(v.module.globals["columns"])
            with alone:
                one.call(context, rows)

    def choose(self, name: str, sweeps: Sweeps, rows: Value) -> None:
        """Emit the call of a region: threads share its rows, or columns if there are only few rows."""
        v, most = self.v, self.layout.most_shared(sweeps)
        few = v.builder.icmp_signed("<=", rows, self.block.number("few"))
        worth = v.builder.icmp_signed(">=", v.integer(most), self.block.number("worth"))
        with v.builder.if_else(v.builder.and_(few, worth)) as (columns, by_rows):
            with columns:
                v.builder.call(v.module.globals[f"{name}_across"], [self.block.start])
            with by_rows:
                self.teams.share(v.module.globals[name])
