"""One sweep as a function: for every tile of columns, rows by blocks: start the sums, add products, finish elementwise.

``sweep_N(context, rows, first_tile, last_tile)``: the context holds an address for every slot of the layout, those of
places at the first row. A sweep without products takes single vectors for tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from llvmlite import ir as llvm

from everystep.compiler import ir
from everystep.compiler.ir import Node
from everystep.compiler.plan import Sweep
from everystep.engines.llvm.ahead import places_ahead
from everystep.engines.llvm.columns import At, Columns
from everystep.engines.llvm.functions import emit
from everystep.engines.llvm.layout import Layout
from everystep.engines.llvm.packing import tile_count
from everystep.engines.llvm.panels import Panel
from everystep.engines.llvm.products import least, most_rows, product, single_row
from everystep.engines.llvm.vectors import Value, Vectors

TILES_OF_ONE_ROW = 4
MOST_ROWS = 8  # more gain little, and every number of rows is a function of its own


class SweepEmitter:
    """Emits one sweep.

    Args:
        vectors: Emits arithmetic.
        layout: Where addresses stand in the context.
        sweep: What to emit.
        name: Of the function.
    """

    def __init__(self, vectors: Vectors, layout: Layout, sweep: Sweep, name: str) -> None:
        self.v, self.layout, self.sweep, self.name = vectors, layout, sweep, name
        self.width = vectors.width
        self.sums, self.columns, self.panels = layout.arranged[sweep]
        self.slots = max(1, len(self.sums)) * self.columns
        self.vectors_across = -(-sweep.size // self.width)
        self.tiles = tile_count(sweep.size, self.columns, self.width)
        starts = [start for start in map(ir.start_of, self.sums) if start is not None]
        self.early = _needed(sweep, starts)
        gathered = [one.node.inputs[0] for one in (*sweep.gathers, *sweep.folds)]
        self.late = _needed(sweep, [*(store.node for store in sweep.stores), *gathered])
        self.memory: Columns = Columns(vectors, layout, None)

    def emit(self) -> llvm.Function:
        """Emit the function and those it calls."""
        block = self._block() if self.sums else None
        function = self.v.function(self.name, [self.v.pointer, *[self.v.i64] * 3])
        context, rows, first, last = function.args
        ahead = () if self.sums else places_ahead(self.sweep, self.layout.carried)
        self.memory = Columns(self.v, self.layout, context, ahead)
        if block is None:
            with self.v.loop(0, rows) as row, self.v.loop(first, last) as vector:
                self._finish(self._at(row, vector), None)
        else:
            self._through(block, rows, first, last)
        self.v.builder.ret_void()
        return function

    # tiles and blocks of rows

    def _through(self, block: llvm.Function, rows: Value, first_tile: Value, last_tile: Value) -> None:
        build, number = self.v.builder, self.v.integer
        alone = build.icmp_signed("==", rows, number(1))
        with build.if_else(alone) as (one_row, many_rows):
            with one_row, self.v.loop(first_tile, last_tile, self._lines_of_one_row()) as tile:
                lines = least(self.v, build.sub(last_tile, tile), self._lines_of_one_row())
                build.call(block, [self.memory.context, number(0), tile, lines, number(0), number(1)])
            with many_rows:
                blocks = build.sdiv(build.add(rows, number(self._most() - 1)), number(self._most()))
                with self.v.loop(first_tile, last_tile) as tile, self.v.loop(0, blocks) as n:
                    first = build.sdiv(build.mul(rows, n), blocks)
                    last = build.sdiv(build.mul(rows, build.add(n, number(1))), blocks)
                    build.call(block, [self.memory.context, first, tile, build.sub(last, first), number(1), number(0)])

    def _most(self) -> int:
        return min(MOST_ROWS, *(most_rows(self.v, panel.slots) for panel in self.panels))

    def _lines_of_one_row(self) -> int:
        return min(TILES_OF_ONE_ROW, self._most(), self.tiles)

    def _block(self) -> llvm.Function:
        """``block(context, row, tile, lines, rows_on, tiles_on)``: lines are rows of one tile, or tiles of one row."""
        i = self.v.i64
        function = self.v.function(f"{self.name}_block", [self.v.pointer, i, i, i, i, i])
        context, row, tile, lines, rows_on, tiles_on = function.args
        self.memory = Columns(self.v, self.layout, context)
        acc = self.v.builder.alloca(llvm.ArrayType(self.v.type, self._most() * self.slots))
        acc.align = 64
        acc.type = self.v.pointer
        for each in (self._begin, self._finish):
            if each == self._finish:
                self._products(acc, row, tile, lines, tiles_on)
            with self.v.loop(0, lines) as line:
                build = self.v.builder
                at_row = build.add(row, build.mul(line, rows_on))
                first = build.mul(build.add(tile, build.mul(line, tiles_on)), self.v.integer(self.columns))
                mine = self.v.at(acc, build.mul(line, self.v.integer(self.slots * self.width)))
                left = build.sub(self.v.integer(self.vectors_across), first)
                with self.v.loop(0, least(self.v, left, self.columns)) as c:
                    here = self.v.at(mine, self.v.builder.mul(c, self.v.integer(self.width)))
                    each(self._at(at_row, self.v.builder.add(first, c)), here)
        self.v.builder.ret_void()
        return function

    def _products(self, acc: Value, row: Value, tile: Value, lines: Value, tiles_on: Value) -> None:
        """Add the products of every panel, by the kernel for so many lines."""
        build = self.v.builder
        by_tiles = build.icmp_signed("!=", tiles_on, self.v.integer(0))
        with build.if_else(by_tiles) as (one_row, many_rows):
            with one_row:
                self._switch(lines, self._lines_of_one_row(), lambda n: self._call_single_row(acc, tile, n))
            with many_rows:
                self._switch(lines, self._most(), lambda n: self._call_product(acc, row, tile, n))

    def _switch(self, lines: Value, most: int, call: Callable[[int], None]) -> None:
        build = self.v.builder
        after = build.append_basic_block("added")
        switch = build.switch(lines, after)
        for n in range(1, most + 1):
            with build.goto_block(build.append_basic_block(f"lines_{n}")):
                switch.add_case(self.v.integer(n), build.block)
                call(n)
                build.branch(after)
        build.position_at_end(after)

    def _call_product(self, acc: Value, row: Value, tile: Value, lines: int) -> None:
        for panel in self.panels:
            a, stride = self._operand(panel, row)
            sums = [self._sum(acc, panel.first), self.v.integer(self.slots)]
            args = [*sums, a, stride, self._k(panel), self._tile(panel, tile)]
            self.v.builder.call(product(self.v, lines, panel.slots), args)

    def _call_single_row(self, acc: Value, tile: Value, lines: int) -> None:
        for panel in self.panels:
            a, _ = self._operand(panel, self.v.integer(0))
            size = self.v.integer(self._tile_size(panel))
            sums = [self._sum(acc, panel.first), self.v.integer(self.slots)]
            args = [*sums, a, self._k(panel), self._tile(panel, tile), size]
            self.v.builder.call(single_row(self.v, panel.slots, lines), args)

    def _operand(self, panel: Panel, row: Value) -> tuple[Value, Value]:
        place, offset = panel.spot
        stride = self.v.integer(self.layout.row_size(place))
        return self.v.at(self.memory.address(place), self.v.builder.mul(row, stride), offset), stride

    def _sum(self, acc: Value, slot: int) -> Value:
        return self.v.at(acc, slot * self.width)

    def _k(self, panel: Panel) -> Value:
        return self.v.integer(panel.views[0].shape[0])

    def _tile_size(self, panel: Panel) -> int:
        return panel.views[0].shape[0] * panel.slots * self.width

    def _tile(self, panel: Panel, tile: Value) -> Value:
        return self.v.at(self.memory.address(panel), self.v.builder.mul(tile, self.v.integer(self._tile_size(panel))))

    # elementwise

    def _at(self, row: Value, vector: Value) -> At:
        column = self.v.builder.mul(vector, self.v.integer(self.width))
        if self.sweep.size % self.width == 0:
            return At(row, column, None)
        return At(row, column, self.v.tail(self.v.builder.sub(self.v.integer(self.sweep.size), column)))

    def _begin(self, at: At, acc: Value) -> None:
        """Write what each sum begins with."""
        values = self._values(self.early, at, acc)
        for n, node in enumerate(self.sums):
            start = ir.start_of(node)
            value = self.v.number(0.0) if start is None else values[start]
            self.v.store(value, self._sum(acc, n * self.columns))

    def _finish(self, at: At, acc: Value | None) -> None:
        """Compute what follows from the sums, and store it."""
        values = self._values(self.late, at, acc)
        for node, spot in self.sweep.stores:
            self.memory.store(values[node], spot, at)
        for node, place in self.sweep.gathers:
            self.memory.gather(node, values[node.inputs[0]], place, at)

    def _values(self, nodes: Iterable[Node], at: At, acc: Value | None) -> dict[Node, Value]:
        values: dict[Node, Value] = {}
        for node in nodes:
            values[node] = self._value(node, values, at, acc)
        return values

    def _value(self, node: Node, values: dict[Node, Value], at: At, acc: Value | None) -> Value:
        if node in self.sweep.loads:
            return self.memory.load(node, self.sweep.loads[node], at)
        if node in self.sweep.sums:
            return self.memory.total(node, self.sweep.sums[node], at)
        if node.op == "affine":
            return self.v.load(self._sum(acc, self.sums.index(node) * self.columns))
        return self._fresh(node, values, at)

    def _fresh(self, node: Node, values: dict[Node, Value], at: At) -> Value:
        if node.op == "vector":
            return self.memory.parameter(node.attribute, at)
        if node.op == "constant":
            return self.v.truth(bool(node.attribute)) if node.truth else self.v.number(node.attribute)
        if node.op == "spread":
            return values[node.inputs[0]]
        if node.op == "lookup":
            return self.memory.row(node.attribute, values[node.inputs[0]], at)
        return emit(self.v, node.op, [values[i] for i in node.inputs])


def _needed(sweep: Sweep, ends: list[Node]) -> list[Node]:
    """What of a sweep must be computed for some of its values, inputs first; sums are taken as they are."""
    inside = {*sweep.nodes, *sweep.loads, *sweep.repeats, *sweep.sums}
    found: dict[Node, None] = {}
    stack = [end for end in reversed(ends) if end in inside]
    wanted: set[Node] = set()
    while stack:
        node = stack.pop()
        if node not in wanted:
            wanted.add(node)
            if node in sweep.nodes and node.op not in {"affine", "repeat"}:
                stack.extend(node.inputs)
    for node in (*sweep.loads, *sweep.repeats, *sweep.sums, *sweep.nodes):
        if node in wanted:
            found[node] = None
    return list(found)
