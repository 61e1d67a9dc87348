"""Regions: functions that every thread of a team runs, and calls of them.

A region is ``void region(block)``. Its work is cut into pieces; a thread takes the pieces ``thread_num``,
``thread_num + num_threads`` ... so that any team that is granted does all of the work.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from llvmlite import ir as llvm

from everystep.engines.llvm.block import Block
from everystep.engines.llvm.vectors import Value


class Teams:
    """Emits regions and calls of them.

    Args:
        block: Says what the team is.
    """

    def __init__(self, block: Block) -> None:
        self.block, self.v = block, block.v

    @contextmanager
    def region(self, name: str) -> Iterator[Value]:
        """A function of the block; its body is done for every piece that is this thread's."""
        v = self.v
        function = v.function(name, [v.pointer])
        self.block.start = function.args[0]
        place, many = self._member("thread_num", 0), self._member("num_threads", 1)
        with v.loop(place, self.block.number("pieces"), many) as piece:
            yield piece
        v.builder.ret_void()

    def part(self, count: Value, piece: Value) -> tuple[Value, Value]:
        """From where to where a piece goes, of so many."""
        build, pieces = self.v.builder, self.block.number("pieces")
        first = build.sdiv(build.mul(count, piece), pieces)
        return first, build.sdiv(build.mul(count, build.add(piece, self.v.integer(1))), pieces)

    def share(self, region: llvm.Function) -> None:
        """Run a region on the team, or here if there is none."""
        v, i32, block = self.v, llvm.IntType(32), self.block
        parallel = block.number("parallel")
        with v.builder.if_else(v.builder.icmp_signed("!=", parallel, v.integer(0))) as (together, alone):
            with together:
                kind = llvm.FunctionType(llvm.VoidType(), [v.pointer, v.pointer, i32, i32])
                team = v.builder.inttoptr(parallel, kind.as_pointer())
                pieces = v.builder.trunc(block.number("pieces"), i32)
                v.builder.call(team, [v.builder.bitcast(region, v.pointer), block.start, pieces, llvm.Constant(i32, 0)])
            with alone:
                v.builder.call(region, [block.start])

    def _member(self, name: str, alone: int) -> Value:
        v, i32 = self.v, llvm.IntType(32)
        ask = self.block.number(name)
        with self.block.choice(v.builder.icmp_signed("!=", ask, v.integer(0)), v.integer(alone)) as (choose, found):
            kind = llvm.FunctionType(i32, [])
            function = v.builder.inttoptr(ask, kind.as_pointer())
            choose(v.builder.sext(v.builder.call(function, []), v.i64))
        return found[0]
