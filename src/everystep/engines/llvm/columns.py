"""What a sweep reads and writes at one row and one vector of columns."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from llvmlite import ir as llvm

from everystep.compiler.ir import Node, View
from everystep.compiler.plan import Place, Spot
from everystep.engines.llvm.ahead import AHEAD, ask
from everystep.engines.llvm.largest import Largest, first_largest, larger_of, never
from everystep.engines.llvm.layout import Layout, Root
from everystep.engines.llvm.products import least
from everystep.engines.llvm.vectors import Value, Vectors


@dataclass
class At:
    """Where a sweep stands: a row, the first of a vector of columns, and its lanes that are columns (None: all)."""

    row: Value
    column: Value
    mask: Value | None


class Columns:
    """Emits loads and stores.

    Args:
        vectors: Emits arithmetic.
        layout: Where addresses stand in the context.
        context: The context of the function that is being emitted.
        ahead: Places that are asked for a row ahead.
    """

    def __init__(self, vectors: Vectors, layout: Layout, context: Value, ahead: Collection[Place] = ()) -> None:
        self.v, self.layout, self.context, self.ahead = vectors, layout, context, ahead

    def address(self, slot: object) -> Value:
        """The address that the context holds for a slot."""
        return self.v.builder.load(self._slot(slot), typ=self.v.pointer, align=8)

    def _slot(self, slot: object) -> Value:
        slots = self.layout.slots
        return self.v.builder.gep(self.context, [self.v.integer(slots[slot])], source_etype=self.v.pointer)

    def _spot(self, spot: Spot, at: At, *, single: bool) -> Value:
        place, offset = spot
        row = self.v.builder.mul(at.row, self.v.integer(self.layout.row_size(place)))
        column = [] if single else [at.column]
        return self.v.at(self.address(place), row, *column, offset)

    def load(self, node: Node, spot: Spot, at: At) -> Value:
        """A value that lies in memory; one feature spreads."""
        single = node.size == 1
        if node.truth:
            return self._flag(spot, at) if single else self._flags(spot, node.size, at)
        address = self._spot(spot, at, single=single)
        if spot.place in self.ahead:
            rows = self.v.builder.load(self._slot(AHEAD), typ=self.v.i64, align=8)
            ask(self.v, self.v.at(address, self.v.builder.mul(rows, self.v.integer(self.layout.row_size(spot.place)))))
        return self.v.broadcast(address) if single else self.v.load(address, at.mask)

    def _flag(self, spot: Spot, at: At) -> Value:
        return self.v.splat(self._bit(spot, at, self.v.integer(0)))

    def _flags(self, spot: Spot, size: int, at: At) -> Value:
        """Some truths of a row, one per lane; lanes beyond the last have the last."""
        lanes = llvm.Constant(llvm.VectorType(llvm.IntType(1), self.v.width), llvm.Undefined)
        for lane in range(self.v.width):
            bit = self._bit(spot, at, least(self.v, self.v.builder.add(at.column, self.v.integer(lane)), size - 1))
            lanes = self.v.builder.insert_element(lanes, bit, llvm.Constant(llvm.IntType(32), lane))
        return lanes

    def _bit(self, spot: Spot, at: At, feature: Value) -> Value:
        build, byte = self.v.builder, llvm.IntType(8)
        row = build.mul(at.row, self.v.integer(self.layout.row_size(spot.place)))
        offset = build.add(build.add(row, feature), self.v.integer(spot.offset))
        address = build.gep(self.address(spot.place), [offset], source_etype=byte)
        return build.icmp_unsigned("!=", build.load(address, typ=byte, align=1), llvm.Constant(byte, 0))

    def store(self, value: Value, spot: Spot, at: At) -> None:
        """Write a value, or add it where steps are added up."""
        address = self._spot(spot, at, single=False)
        if spot.place.space == "total":
            value = self.v.builder.fadd(self.v.load(address, at.mask), value)
        self.v.store(value, address, at.mask)

    def parameter(self, view: View, at: At) -> Value:
        """Some values of a parameter, one per lane."""
        return self._along(self.v.at(self.address(Root(view.root)), view.offset), view.strides[0], view.shape[0], at)

    def row(self, table: View, index: Value, at: At) -> Value:
        """Some values of one row of a parameter, one per lane; the index is in every lane, and there is such a row."""
        first = self.v.builder.extract_element(index, llvm.Constant(self.v.i32, 0))
        offset = self.v.builder.mul(self.v.whole(first), self.v.integer(table.strides[0]))
        start = self.v.at(self.address(Root(table.root)), offset, table.offset)
        return self._along(start, table.strides[1], table.shape[1], at)

    def _along(self, start: Value, stride: int, size: int, at: At) -> Value:
        """Numbers a stride apart, one per lane."""
        if size == 1 or stride == 0:
            return self.v.broadcast(start)
        if stride == 1:
            return self.v.load(self.v.at(start, at.column), at.mask)
        lanes = llvm.Constant(self.v.type, llvm.Undefined)
        for lane in range(self.v.width):
            n = least(self.v, self.v.builder.add(at.column, self.v.integer(lane)), size - 1)
            one = self.v.at(start, self.v.builder.mul(n, self.v.integer(stride)))
            number = self.v.builder.load(one, typ=self.v.scalar, align=self.v.itemsize)
            lanes = self.v.builder.insert_element(lanes, number, llvm.Constant(llvm.IntType(32), lane))
        return lanes

    # sums over features

    def _partial(self, place: Place, at: At) -> Value:
        return self.v.at(self.address(place), self.v.builder.mul(at.row, self.v.integer(self.layout.row_size(place))))

    def gather(self, node: Node, value: Value, place: Place, at: At) -> None:
        """Take one more vector of columns into a sum, lane by lane."""
        if node.op == "argmax":
            self._gather_largest(value, place, at)
            return
        empty = self.v.number(0.0 if node.op == "sum" else float("-inf"))
        value = value if at.mask is None else self.v.select(at.mask, value, empty)
        address, build = self._partial(place, at), self.v.builder
        first = self.v.splat(build.icmp_signed("==", at.column, self.v.integer(0)))
        before = self.v.select(first, empty, self.v.load(address))
        after = build.fadd(before, value) if node.op == "sum" else self.v.larger(before, value)
        self.v.store(after, address)

    def total(self, node: Node, place: Place, at: At) -> Value:
        """Finish a sum over features."""
        if node.op == "argmax":
            return self.v.splat(first_largest(self.v, self._largest(place, at)))
        gathered = self.v.load(self._partial(place, at))
        return self.v.splat(self.v.sum_lanes(gathered) if node.op == "sum" else self.v.max_lanes(gathered))

    def _largest(self, place: Place, at: At) -> Largest:
        address = self._partial(place, at)
        return Largest(self.v.load(address), self.v.load(self.v.at(address, self.v.width)))

    def _gather_largest(self, value: Value, place: Place, at: At) -> None:
        """Take one more vector of columns into the largest ones, lane by lane."""
        build, before, numbers = self.v.builder, self._largest(place, at), self.v.counted(at.column)
        value = value if at.mask is None else self.v.select(at.mask, value, never(self.v))
        first = self.v.splat(build.icmp_signed("==", at.column, self.v.integer(0)))
        after = larger_of(self.v, before, Largest(value, numbers), first)
        address = self._partial(place, at)
        self.v.store(after.value, address)
        self.v.store(after.column, self.v.at(address, self.v.width))
