"""Contexts: what a sweep is handed, an address for every slot of the layout, those of places at its first row."""

from __future__ import annotations

from collections.abc import Iterable

from llvmlite import ir as llvm

from everystep.compiler.plan import Place, Plan, Sweep
from everystep.engines.llvm.ahead import AHEAD
from everystep.engines.llvm.block import Block
from everystep.engines.llvm.layout import Initial, Root
from everystep.engines.llvm.panels import Panel
from everystep.engines.llvm.products import made_once
from everystep.engines.llvm.vectors import Value


class Contexts:
    """Emits what fills them in.

    Args:
        block: What is read.
        plan: What is emitted.
        backward: Whether steps are taken from the last to the first.
    """

    def __init__(self, block: Block, plan: Plan, *, backward: bool) -> None:
        self.block, self.plan, self.backward = block, plan, backward
        self.v, self.layout = block.v, block.layout

    def made(self, sweeps: Iterable[Sweep]) -> Value:
        """Room for a context, addresses of parameters filled in."""
        context = self.v.builder.alloca(self.v.pointer, len(self.layout.slots))
        context.type = self.v.pointer
        for slot in self._constant_slots(sweeps):
            self._point(context, slot, self.block.address(slot))
        self._point(context, AHEAD, self.v.integer(1))
        return context

    def take_single_rows(self, context: Value) -> None:
        """Have a context of the loop know that with a batch of one row the next one is that of another step."""
        build, v = self.v.builder, self.v
        one, stride = v.integer(1), self.block.number("stride")
        onwards = build.neg(stride) if self.backward else stride
        alone = build.icmp_signed("==", self.block.number("rows"), one)
        self._point(context, AHEAD, build.select(alone, onwards, one))

    def _constant_slots(self, sweeps: Iterable[Sweep]) -> list[object]:
        panels = {panel for sweep in sweeps for panel in self.layout.arranged[sweep].panels}
        return [
            slot for slot in self.layout.slots if isinstance(slot, Root) or (isinstance(slot, Panel) and slot in panels)
        ]

    def _point(self, context: Value, slot: object, address: Value) -> None:
        where = self.v.builder.gep(context, [self.v.integer(self.layout.slots[slot])], source_etype=self.v.pointer)
        self.v.builder.store(address, where, align=8)

    def row(self, place: Place, slot: object, row: Value) -> Value:
        """The address of a row of a place."""
        size = self.layout.row_size(place) * (1 if place.truth else self.v.itemsize)
        byte = llvm.IntType(8)
        return self.v.builder.gep(
            self.block.address(slot), [self.v.builder.mul(row, self.v.integer(size))], source_etype=byte
        )

    def point_at_rows(self, context: Value, sweeps: Iterable[Sweep], first: Value) -> None:
        """Point at a row of the chunk, whatever its step."""
        low = self.block.number("row_low")
        for place in _places(sweeps):
            row = self.v.builder.add(low, first) if place.space == "time" else first
            self._point(context, place, self.row(place, place, row))

    def point_at_step(self, context: Value, k: Value, first: Value) -> None:
        """Point at a row of the batch as it is at a step of the loop."""
        v = self.v

        def body(start: Value, context: Value, k: Value, first: Value) -> None:
            outer, self.block.start = self.block.start, start
            self._step(context, k, first)
            self.block.start = outer

        function = made_once(v, "step", [v.pointer, v.pointer, v.i64, v.i64], body)
        v.builder.call(function, [self.block.start, context, k, first])

    def _step(self, context: Value, k: Value, first: Value) -> None:
        build, v, start_of_step = self.v.builder, self.v, self.block.start_of_step
        here = build.add(start_of_step(k), first)
        is_first = build.icmp_signed("==", k, v.integer(0))
        earlier = build.select(is_first, k, build.sub(k, v.integer(1)))
        back = build.add(start_of_step(earlier), first)
        rows = {
            "time": here,
            "chunk": v.builder.sub(here, self.block.number("row_low")),
            "row": first,
            "total": first,
            "step": first,
        }
        rows["entering"] = self._half(k, 1 if self.backward else 0, first)
        rows["leaving"] = self._half(k, 0 if self.backward else 1, first)
        for place in _places(self.plan.loop):
            if place in self.layout.initial:
                earlier_row = rows["entering"] if self._is_pair(place) else back
                start, before = self.row(place, Initial(place), first), self.row(place, place, earlier_row)
                self._point(context, place, v.builder.select(is_first, start, before))
            else:
                self._point(context, place, self.row(place, place, rows[place.space]))

    def _is_pair(self, place: Place) -> bool:
        return place.space == "entering" and place.name not in self.plan.sequences

    def _half(self, k: Value, later: int, first: Value) -> Value:
        """The row in one of the two halves that steps take in turn."""
        build = self.v.builder
        half = build.and_(build.add(k, self.v.integer(later)), self.v.integer(1))
        return build.add(build.mul(half, self.block.number("rows")), first)


def _places(sweeps: Iterable[Sweep]) -> list[Place]:
    found: dict[Place, None] = {}
    for sweep in sweeps:
        found.update(dict.fromkeys(sweep.places()))
    return list(found)
