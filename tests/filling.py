"""A small kernel that runs a region on a team: every piece of an array is counted up by its own number plus one."""

from __future__ import annotations

import ctypes

import numpy as np
from llvmlite import ir

from everystep.engines.llvm import build, pool, target

I32, I64, PTR = ir.IntType(32), ir.IntType(64), ir.PointerType()
FIELDS = ("parallel", "thread_num", "num_threads", "threads", "array", "pieces", "length")


class Block(ctypes.Structure):
    """What the driver is given; every field has 64 bits."""

    _fields_ = [(name, ctypes.c_int64) for name in FIELDS]


class _Emitter:
    def __init__(self):
        self.module = ir.Module("filling")

    def begin(self, name):
        self.function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), [PTR]), name)
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        return self.function

    def field(self, name):
        place = self.builder.gep(self.function.args[0], [ir.Constant(I64, FIELDS.index(name))], source_etype=I64)
        return self.builder.load(place, typ=I64)

    def told(self, name, otherwise):
        """What a function of the team tells, or a number where there is none."""
        build_, address, before = self.builder, self.field(name), self.builder.block
        none = build_.icmp_signed("==", address, ir.Constant(I64, 0))
        with build_.if_then(build_.not_(none)):
            kind = ir.FunctionType(I32, [])
            answer = build_.zext(self.call(address, kind, []), I64)
            inside = build_.block
        result = build_.phi(I64)
        result.add_incoming(ir.Constant(I64, otherwise), before)
        result.add_incoming(answer, inside)
        return result

    def call(self, address, kind, arguments):
        pointer = self.builder.inttoptr(address, kind.as_pointer())
        return self.builder.call(pointer, arguments)

    def loop(self, low, high, step, body):
        build_, before = self.builder, self.builder.block
        head, inside, after = (build_.append_basic_block(name) for name in ("head", "inside", "after"))
        build_.branch(head)
        build_.position_at_end(head)
        index = build_.phi(I64)
        index.add_incoming(low, before)
        build_.cbranch(build_.icmp_signed("<", index, high), inside, after)
        build_.position_at_end(inside)
        body(index)
        index.add_incoming(build_.add(index, step), build_.block)
        build_.branch(head)
        build_.position_at_end(after)


def _region(emit):
    region = emit.begin("region")
    number, size = emit.told("thread_num", 0), emit.told("num_threads", 1)
    array, length, one = emit.field("array"), emit.field("length"), ir.Constant(I64, 1)

    def count_up(piece):
        def add(index):
            place = emit.builder.add(emit.builder.mul(piece, length), index)
            at = emit.builder.gep(emit.builder.inttoptr(array, PTR), [place], source_etype=I64)
            value = emit.builder.add(emit.builder.load(at, typ=I64), emit.builder.add(piece, one))
            emit.builder.store(value, at)

        emit.loop(ir.Constant(I64, 0), length, one, add)

    emit.loop(number, emit.field("pieces"), size, count_up)
    emit.builder.ret_void()
    return region


def module():
    emit = _Emitter()
    region = _region(emit)
    driver = emit.begin("driver")
    parallel, build_ = emit.field("parallel"), emit.builder
    with build_.if_else(build_.icmp_signed("==", parallel, ir.Constant(I64, 0))) as (alone, together):
        with alone:
            build_.call(region, [driver.args[0]])
        with together:
            kind = ir.FunctionType(ir.VoidType(), [PTR, PTR, I32, I32])
            threads = build_.trunc(emit.field("threads"), I32)
            emit.call(parallel, kind, [region, driver.args[0], threads, ir.Constant(I32, 0)])
    build_.ret_void()
    return emit.module


def driver():
    return build.build("filling", module, target.host()).entry("driver", ctypes.c_void_p)


def fill(entry, threads, pieces=7, length=1000, times=1):
    """Run the driver some times on one array; gives the team and whether every number is as it must be."""
    array = np.zeros((pieces, length), np.int64)
    for _ in range(times):
        team = pool.team(threads)
        addresses = team.parallel, team.thread_num, team.num_threads, team.threads
        block = Block(*addresses, array.ctypes.data, pieces, length)
        team.enter(entry, ctypes.addressof(block))
    return team, bool((array == times * np.arange(1, pieces + 1)[:, None]).all())
