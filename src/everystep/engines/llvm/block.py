"""The argument block as compiled code reads it: numbers, addresses, and the rows of a step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from everystep.engines.llvm.layout import Layout
from everystep.engines.llvm.vectors import Value, Vectors


class Block:
    """Emits reads and writes of the block of the function that is being emitted.

    Args:
        vectors: Emits arithmetic.
        layout: Where everything stands in the block.
    """

    def __init__(self, vectors: Vectors, layout: Layout) -> None:
        self.v, self.layout = vectors, layout
        self.start: Value = None

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
        return self.v.builder.gep(self.start, [self.v.integer(self.layout.slots[slot])], source_etype=self.v.i64)

    def start_of_step(self, k: Value) -> Value:
        """The row of step k within a place of space time."""
        build, v = self.v.builder, self.v
        starts = self.number("starts")
        even = build.add(self.number("first"), build.mul(k, self.number("stride")))
        with self.choice(build.icmp_signed("!=", starts, v.integer(0)), even) as (choose, found):
            choose(self.listed(starts, k))
        return found[0]

    def rows_of_step(self, k: Value) -> Value:
        """How many rows of the batch take step k."""
        starts = self.number("starts")
        build, v = self.v.builder, self.v
        with self.choice(build.icmp_signed("!=", starts, v.integer(0)), self.number("rows")) as (choose, found):
            here, following = self.listed(starts, k), self.listed(starts, v.builder.add(k, v.integer(1)))
            choose(v.builder.sub(following, here))
        return found[0]

    def rows_of_chunk(self) -> Value:
        """How many rows of all steps are worked on at a time."""
        return self.v.builder.sub(self.number("row_high"), self.number("row_low"))

    def listed(self, numbers: Value, k: Value) -> Value:
        """Number k of those at an address."""
        build = self.v.builder
        where = build.gep(build.inttoptr(numbers, self.v.pointer), [k], source_etype=self.v.i64)
        return build.load(where, typ=self.v.i64, align=8)

    @contextmanager
    def choice(self, condition: Value, otherwise: Value) -> Iterator[tuple[Callable[[Value], None], list[Value]]]:
        """A value that is computed only under a condition; it is in the list afterwards."""
        before, found, chosen = self.v.builder.block, [], []
        with self.v.builder.if_then(condition):
            yield chosen.append, found
            inside = self.v.builder.block
        phi = self.v.builder.phi(otherwise.type)
        phi.add_incoming(chosen[0], inside)
        phi.add_incoming(otherwise, before)
        found.append(phi)
