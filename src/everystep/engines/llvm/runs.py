"""One sweep over runs of features as a function: a run after another, so that what repeats in runs is at hand.

Within a run a repeated value is either one number or neighbours in memory, and a fold goes either to one number or to
neighbours. Sums always run in the same order, whoever takes the row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from llvmlite import ir as llvm

from everystep.compiler import ir
from everystep.compiler.ir import Node, View
from everystep.compiler.plan import Fold, Spot, Sweep
from everystep.engines.llvm.columns import At, Columns
from everystep.engines.llvm.layout import Layout, Root
from everystep.engines.llvm.sweep import SweepEmitter
from everystep.engines.llvm.vectors import Value, Vectors

EMPTY = {"fold_sum": 0.0, "fold_max": float("-inf")}


class Run(NamedTuple):
    """Where a sweep stands: a row, the first column of a run, and what is known for all of the run.

    Attributes:
        row: Of the batch or of the chunk.
        first: Column.
        shifts: From a column to where its feature is found, for repeated values and for folds to neighbours.
        same: Repeated values that are one number.
        begins: For folds, whether nothing was folded to the same place before.
    """

    row: Value
    first: Value
    shifts: dict[Node, Value]
    same: dict[Node, Value]
    begins: dict[Node, Value]


class RunsEmitter(SweepEmitter):
    """Emits one sweep that repeats or folds runs; its function takes tiles as any sweep's does, and does them all."""

    def __init__(self, vectors: Vectors, layout: Layout, sweep: Sweep, name: str) -> None:
        super().__init__(vectors, layout, sweep, name)
        self.repeats = [node for node in self.late if node.op == "repeat" and node not in sweep.loads]
        self.run = math.gcd(*(_length(node) for node in (*self.repeats, *(one.node for one in sweep.folds))))
        self.to_numbers = [one for one in sweep.folds if one.node.attribute == 1]
        self.to_neighbours = [one for one in sweep.folds if one.node.attribute > 1]

    def emit(self) -> llvm.Function:
        """Emit the function."""
        function = self.v.function(self.name, [self.v.pointer, *[self.v.i64] * 3])
        context, rows, _, _ = function.args
        self.memory = _Near(Columns(self.v, self.layout, context), self.sweep)
        with self.v.loop(0, rows) as row, self.v.loop(0, self.sweep.size // self.run) as n:
            self._columns_of(self._begin_run(row, self.v.builder.mul(n, self.v.integer(self.run))))
        self.v.builder.ret_void()
        return function

    def _begin_run(self, row: Value, first: Value) -> Run:
        run = Run(row, first, {}, {}, {})
        for node in (*self.repeats, *(one.node for one in self.sweep.folds)):
            found, before = self._narrow(node, first)
            run.shifts[node] = self.v.builder.sub(found, first)
            run.begins[node] = self.v.builder.icmp_signed("==", before, self.v.integer(0))
        for node in self.repeats:
            if node.attribute == 1:
                run.same[node] = self._number(node, run)
        return run

    def _narrow(self, node: Node, column: Value) -> tuple[Value, Value]:
        """For a column on the wide side of a repeat or fold: its feature on the narrow side, and the runs before it."""
        build, number = self.v.builder, self.v.integer
        run, times = node.attribute, ir.times_of(node)
        outer = build.udiv(column, number(run * times))
        inner = build.urem(column, number(run))
        return build.add(build.mul(outer, number(run)), inner), build.urem(
            build.udiv(column, number(run)), number(times)
        )

    def _columns_of(self, run: Run) -> None:
        """Go through the columns of a run."""
        starts = [self.v.number(EMPTY[one.node.op]) for one in self.to_numbers]

        def body(vector: Value, sums: list[Value]) -> list[Value]:
            at = self._at_vector(run, vector)
            values = self._values_at(run, at)
            for node, spot in self.sweep.stores:
                self.memory.store(values[node], spot, at)
            for node, place in self.sweep.gathers:
                self.memory.gather(node, values[node.inputs[0]], place, at)
            for one in self.to_neighbours:
                self._add_to_neighbours(one, values[one.node.inputs[0]], run, at)
            return [
                self._joined(one.node, lanes, self._whole(one.node, values[one.node.inputs[0]], at))
                for one, lanes in zip(self.to_numbers, sums, strict=True)
            ]

        for one, lanes in zip(self.to_numbers, self.v.fold(0, -(-self.run // self.width), starts, body), strict=True):
            self._add_to_number(one, lanes, run)

    def _at_vector(self, run: Run, vector: Value) -> At:
        build = self.v.builder
        done = build.mul(vector, self.v.integer(self.width))
        whole = self.run % self.width == 0
        mask = None if whole else self.v.tail(build.sub(self.v.integer(self.run), done))
        return At(run.row, build.add(run.first, done), mask)

    # repeated values

    def _values_at(self, run: Run, at: At) -> dict[Node, Value]:
        values = dict(run.same)
        for node in self.late:
            if node in values:
                continue
            if node in self.repeats:
                values[node] = self._neighbours(node, run, at)
            else:
                values[node] = self._value(node, values, at, None)
        return values

    def _neighbours(self, node: Node, run: Run, at: At) -> Value:
        shifted = At(at.row, self.v.builder.add(at.column, run.shifts[node]), at.mask)
        if node in self.sweep.repeats:
            return self.memory.load(node.inputs[0], self.sweep.repeats[node], shifted)
        return self.memory.parameter(node.inputs[0].attribute, shifted)

    def _number(self, node: Node, run: Run) -> Value:
        feature = self.v.builder.add(run.first, run.shifts[node])
        if node in self.sweep.repeats:
            return self.v.broadcast(self._address(self.sweep.repeats[node], run.row, feature))
        view: View = node.inputs[0].attribute
        place = self.v.builder.mul(feature, self.v.integer(view.strides[0]))
        return self.v.broadcast(self.v.at(self.memory.address(Root(view.root)), place, view.offset))

    def _address(self, spot: Spot, row: Value, feature: Value) -> Value:
        place, offset = spot
        in_row = self.v.builder.mul(row, self.v.integer(self.layout.row_size(place)))
        return self.v.at(self.memory.address(place), in_row, feature, offset)

    # folds

    def _whole(self, node: Node, value: Value, at: At) -> Value:
        """A vector with nothing in the lanes that are no columns."""
        return value if at.mask is None else self.v.select(at.mask, value, self.v.number(EMPTY[node.op]))

    def _joined(self, node: Node, one: Value, other: Value) -> Value:
        return self.v.builder.fadd(one, other) if node.op == "fold_sum" else self.v.larger(one, other)

    def _add_to_neighbours(self, one: Fold, value: Value, run: Run, at: At) -> None:
        node, spot = one
        address = self._address(spot, at.row, self.v.builder.add(at.column, run.shifts[node]))
        joined = self._joined(node, self.v.load(address, at.mask), value)
        self.v.store(self.v.select(self.v.splat(run.begins[node]), value, joined), address, at.mask)

    def _add_to_number(self, one: Fold, lanes: Value, run: Run) -> None:
        node, spot = one
        address = self._address(spot, run.row, self.v.builder.add(run.first, run.shifts[node]))
        total = self.v.sum_lanes(lanes) if node.op == "fold_sum" else self.v.max_lanes(lanes)
        if ir.times_of(node) > self.run:
            before = self.v.broadcast(address)
            joined = self._joined(node, before, self.v.splat(total))
            chosen = self.v.select(self.v.splat(run.begins[node]), self.v.splat(total), joined)
            total = self.v.builder.extract_element(chosen, llvm.Constant(self.v.i32, 0))
        self.v.builder.store(total, address, align=self.v.itemsize)


class _Near(Columns):
    """Columns whose addresses were read once, before any loop."""

    def __init__(self, columns: Columns, sweep: Sweep) -> None:
        super().__init__(columns.v, columns.layout, columns.context)
        slots: Iterable[object] = [*sweep.places(), *(Root(node.attribute.root) for node in _parameters(sweep))]
        self._addresses: dict[object, Value] = {slot: columns.address(slot) for slot in dict.fromkeys(slots)}

    def address(self, slot: object) -> Value:
        """The address that the context holds for a slot."""
        return self._addresses[slot]


def _parameters(sweep: Sweep) -> list[Node]:
    return [node for node in sweep.nodes if node.op == "vector"]


def _length(node: Node) -> int:
    """Columns that a repeat or a fold takes alike: those of one number, or neighbours."""
    return node.attribute if node.attribute > 1 else ir.times_of(node)
