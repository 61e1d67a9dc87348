"""The regions of a plan as functions that threads share: hoisted, step by step, sunk, and the weight gradients.

Every region is ``void region(block)``, the block as :mod:`.layout` has it. A thread takes the pieces ``thread_num``,
``thread_num + num_threads`` ... so that any team that is granted does all of the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from llvmlite import ir as llvm

from everystep.compiler.plan import Place, Plan, Sweep
from everystep.engines.llvm.layout import Gradient, Initial, Layout, Root
from everystep.engines.llvm.panels import Panel
from everystep.engines.llvm.reductions import reduction, reduction_tiles, vector_sum, vector_sum_tiles
from everystep.engines.llvm.sweep import SweepEmitter
from everystep.engines.llvm.vectors import Value, Vectors


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
        self.block: Value = None

    def emit(self) -> list[llvm.Function]:
        """Emit every region that has work, in the order in which a chunk goes through them."""
        plan = self.plan
        regions = []
        if plan.before:
            regions.append(self._flat("before", plan.before))
        if plan.loop:
            regions.append(self._loop(plan.loop))
        if plan.after:
            regions.append(self._flat("after", plan.after))
        if plan.reductions:
            regions.append(self._reductions())
        return regions

    # the block

    def number(self, name: str) -> Value:
        """A number of the block."""
        return self.v.builder.load(self._slot(name), typ=self.v.i64, align=8)

    def set(self, name: str, value: Value) -> None:
        """Write a number of the block."""
        self.v.builder.store(value, self._slot(name), align=8)

    def address(self, slot: object) -> Value:
        """An address of the block."""
        return self.v.builder.load(self._slot(slot), typ=self.v.pointer, align=8)

    def _slot(self, slot: object) -> Value:
        return self.v.builder.gep(self.block, [self.v.integer(self.layout.slots[slot])], source_etype=self.v.i64)

    def start_of_step(self, k: Value) -> Value:
        """The row of step k within a place of space time."""
        build, v = self.v.builder, self.v
        starts = self.number("starts")
        even = build.add(self.number("first"), build.mul(k, self.number("stride")))
        with self._choice(build.icmp_signed("!=", starts, v.integer(0)), even) as (choose, found):
            choose(self._listed(starts, k))
        return found[0]

    def rows_of_step(self, k: Value) -> Value:
        """How many rows of the batch take step k."""
        starts = self.number("starts")
        build, v = self.v.builder, self.v
        with self._choice(build.icmp_signed("!=", starts, v.integer(0)), self.number("rows")) as (choose, found):
            here, following = self._listed(starts, k), self._listed(starts, v.builder.add(k, v.integer(1)))
            choose(v.builder.sub(following, here))
        return found[0]

    def _listed(self, starts: Value, k: Value) -> Value:
        build = self.v.builder
        where = build.gep(build.inttoptr(starts, self.v.pointer), [k], source_etype=self.v.i64)
        return build.load(where, typ=self.v.i64, align=8)

    @contextmanager
    def _choice(self, condition: Value, otherwise: Value) -> Iterator[tuple[Callable[[Value], None], list[Value]]]:
        """A value that is computed only under a condition; it is in the list afterwards."""
        before, found, chosen = self.v.builder.block, [], []
        with self.v.builder.if_then(condition):
            yield chosen.append, found
            inside = self.v.builder.block
        phi = self.v.builder.phi(otherwise.type)
        phi.add_incoming(chosen[0], inside)
        phi.add_incoming(otherwise, before)
        found.append(phi)

    # regions

    @contextmanager
    def _region(self, name: str) -> Iterator[Value]:
        """A function of the block; its body is done for every piece that is this thread's."""
        v = self.v
        function = v.function(name, [v.pointer])
        self.block = function.args[0]
        place, many = self._member("thread_num", 0), self._member("num_threads", 1)
        with v.loop(place, self.number("pieces"), many) as piece:
            yield piece
        v.builder.ret_void()

    def _member(self, name: str, alone: int) -> Value:
        v, i32 = self.v, llvm.IntType(32)
        ask = self.number(name)
        with self._choice(v.builder.icmp_signed("!=", ask, v.integer(0)), v.integer(alone)) as (choose, found):
            kind = llvm.FunctionType(i32, [])
            function = v.builder.inttoptr(ask, kind.as_pointer())
            choose(v.builder.sext(v.builder.call(function, []), v.i64))
        return found[0]

    def _context(self, sweeps: Iterable[Sweep]) -> Value:
        """Room for an address per slot, those of parameters filled in."""
        context = self.v.builder.alloca(self.v.pointer, len(self.layout.slots))
        context.type = self.v.pointer
        for slot in self._constant_slots(sweeps):
            self._point(context, slot, self.address(slot))
        return context

    def _constant_slots(self, sweeps: Iterable[Sweep]) -> list[object]:
        panels = {panel for sweep in sweeps for panel in self.layout.arranged[sweep].panels}
        return [
            slot for slot in self.layout.slots if isinstance(slot, Root) or (isinstance(slot, Panel) and slot in panels)
        ]

    def _point(self, context: Value, slot: object, address: Value) -> None:
        where = self.v.builder.gep(context, [self.v.integer(self.layout.slots[slot])], source_etype=self.v.pointer)
        self.v.builder.store(address, where, align=8)

    def _row(self, place: Place, slot: object, row: Value) -> Value:
        """The address of a row of a place."""
        size = self.layout.row_size(place) * (1 if place.truth else self.v.itemsize)
        byte = llvm.IntType(8)
        return self.v.builder.gep(
            self.address(slot), [self.v.builder.mul(row, self.v.integer(size))], source_etype=byte
        )

    def _flat(self, name: str, sweeps: tuple[Sweep, ...]) -> llvm.Function:
        """A region over all rows of a chunk at once, whatever their step."""
        functions = self._sweeps(name, sweeps)
        with self._region(name) as piece:
            build = self.v.builder
            low, high, pieces = self.number("row_low"), self.number("row_high"), self.number("pieces")
            rows = build.sub(high, low)
            first = build.sdiv(build.mul(rows, piece), pieces)
            last = build.sdiv(build.mul(rows, build.add(piece, self.v.integer(1))), pieces)
            context = self._context(sweeps)
            for place in _places(sweeps):
                row = build.add(low, first) if place.space == "time" else first
                self._point(context, place, self._row(place, place, row))
            for function in functions:
                build.call(function, [context, build.sub(last, first)])
        return self.v.module.globals[name]

    def _loop(self, sweeps: tuple[Sweep, ...]) -> llvm.Function:
        """The region that goes step by step, each thread with its own rows of the batch."""
        functions = self._sweeps("loop", sweeps)
        with self._region("loop") as piece:
            build, v = self.v.builder, self.v
            bounds = self.number("bounds")
            first, last = self._listed(bounds, piece), self._listed(bounds, build.add(piece, v.integer(1)))
            low, high = self.number("low"), self.number("high")
            context = self._context(sweeps)
            with v.loop(low, high) as n:
                k = v.builder.sub(v.builder.add(low, v.builder.sub(high, v.integer(1))), n) if self.backward else n
                taking = self.rows_of_step(k)
                end = v.builder.select(v.builder.icmp_signed("<", taking, last), taking, last)
                rows = v.builder.sub(end, first)
                with v.builder.if_then(v.builder.icmp_signed(">", rows, v.integer(0))):
                    self._step(context, sweeps, k, first)
                    for function in functions:
                        v.builder.call(function, [context, rows])
        return self.v.module.globals["loop"]

    def _sweeps(self, name: str, sweeps: tuple[Sweep, ...]) -> list[llvm.Function]:
        return [SweepEmitter(self.v, self.layout, sweep, f"{name}_{n}").emit() for n, sweep in enumerate(sweeps)]

    def _step(self, context: Value, sweeps: tuple[Sweep, ...], k: Value, first: Value) -> None:
        """Point at this step's row of every place."""
        build, v = self.v.builder, self.v
        here = build.add(self.start_of_step(k), first)
        is_first = build.icmp_signed("==", k, v.integer(0))
        earlier = build.select(is_first, k, build.sub(k, v.integer(1)))
        back = build.add(self.start_of_step(earlier), first)
        rows = {
            "time": here,
            "chunk": v.builder.sub(here, self.number("row_low")),
            "row": first,
            "total": first,
            "step": first,
        }
        rows["entering"] = self._half(k, 1 if self.backward else 0, first)
        rows["leaving"] = self._half(k, 0 if self.backward else 1, first)
        for place in _places(sweeps):
            if place in self.layout.initial:
                earlier_row = rows["entering"] if self._is_pair(place) else back
                start, before = self._row(place, Initial(place), first), self._row(place, place, earlier_row)
                self._point(context, place, v.builder.select(is_first, start, before))
            else:
                self._point(context, place, self._row(place, place, rows[place.space]))

    def _is_pair(self, place: Place) -> bool:
        return place.space == "entering" and place.name not in self.plan.sequences

    def _half(self, k: Value, later: int, first: Value) -> Value:
        """The row in one of the two halves that steps take in turn."""
        build = self.v.builder
        half = build.and_(build.add(k, self.v.integer(later)), self.v.integer(1))
        return build.add(build.mul(half, self.number("rows")), first)

    def _reductions(self) -> llvm.Function:
        """The region of the weight gradients, split by tiles of the gradients."""
        v = self.v
        functions = [self._reduction(n) for n in range(len(self.plan.reductions))]
        total = sum(self._tiles(n) for n in range(len(functions)))
        with self._region("reduce") as piece:
            build, pieces = v.builder, self.number("pieces")
            first = build.sdiv(build.mul(v.integer(total), piece), pieces)
            last = build.sdiv(build.mul(v.integer(total), build.add(piece, v.integer(1))), pieces)
            rows = build.sub(self.number("row_high"), self.number("row_low"))
            done = 0
            for n, function in enumerate(functions):
                begin, end = self._within(first, done, self._tiles(n)), self._within(last, done, self._tiles(n))
                with v.builder.if_then(v.builder.icmp_signed("<", begin, end)):
                    v.builder.call(function, [*self._operands(n), rows, begin, end])
                done += self._tiles(n)
        return v.module.globals["reduce"]

    def _within(self, tile: Value, done: int, tiles: int) -> Value:
        """A tile counted from those of one gradient, not below its first and not beyond its last."""
        build, v = self.v.builder, self.v
        own = build.sub(tile, v.integer(done))
        own = build.select(build.icmp_signed("<", own, v.integer(0)), v.integer(0), own)
        return build.select(build.icmp_signed(">", own, v.integer(tiles)), v.integer(tiles), own)

    def _tiles(self, n: int) -> int:
        one = self.plan.reductions[n]
        return vector_sum_tiles(self.v, one.view) if one.value is None else reduction_tiles(self.v, one.view)

    def _reduction(self, n: int) -> llvm.Function:
        one = self.plan.reductions[n]
        return (vector_sum if one.value is None else reduction)(self.v, str(n), one.view)

    def _operands(self, n: int) -> list[Value]:
        one = self.plan.reductions[n]
        operands = [self.address(Gradient(one.view.root, one.copy))]
        for spot in (one.value, one.gradient):
            if spot is not None:
                place, offset = spot
                first = self.number("row_low") if place.space == "time" else self.v.integer(0)
                row = self._row(place, place, first)
                operands += [self.v.at(row, offset), self.v.integer(self.layout.row_size(place))]
        return operands


def _places(sweeps: Iterable[Sweep]) -> list[Place]:
    found: dict[Place, None] = {}
    for sweep in sweeps:
        found.update(dict.fromkeys(sweep.places()))
    return list(found)
