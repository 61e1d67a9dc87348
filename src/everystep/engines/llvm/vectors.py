"""Arithmetic on vectors of one width, as LLVM instructions.

Every value is a vector ``<width x float>``, also at width 1. No instruction carries a fast-math flag, so the same
numbers give the same bits whatever is compiled around them; none becomes a call to a mathematical library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from llvmlite import ir

Value: TypeAlias = Any  # an ir.Value; llvmlite's builder has no types of its own
Index: TypeAlias = Any  # an i64 value, or an int known now


class _Splat(ir.FormattedConstant):
    """One value in every lane, written once: llvmlite would write it for each, half of a module's text."""

    def __init__(self, kind: ir.VectorType, value: float) -> None:
        super().__init__(kind.element, f"splat ({ir.Constant(kind.element, value)})")
        self.type = kind

    def _to_string(self) -> str:
        return f"{self.type} {self.constant}"


class Vectors:
    """Emits arithmetic on vectors through ``builder``, which whoever begins a function assigns.

    Args:
        module: Receives functions and the declarations of intrinsics.
        dtype: ``float32`` or ``float64``.
        width: Lanes of a vector, a power of two.
        features: What the target has beyond the plainest instructions. ``fma``: multiply and add in one rounding, and
            with it rounding to whole numbers (x86-64-v3, every AArch64); without it, both are made of additions
            and multiplications, so that x86-64 with SSE2 alone needs no library. ``avx512``: 512-bit vectors of
            x86 with their own instructions.
    """

    builder: Any  # an ir.IRBuilder

    def __init__(
        self, module: ir.Module, dtype: str, width: int, features: frozenset[str] = frozenset({"fma"})
    ) -> None:
        self.module = module
        self.dtype = dtype
        self.width = width
        self.features = features
        self.scalar = {"float32": ir.FloatType(), "float64": ir.DoubleType()}[dtype]
        self.itemsize = {"float32": 4, "float64": 8}[dtype]
        self.type = ir.VectorType(self.scalar, width)
        self.mask_type = ir.VectorType(ir.IntType(1), width)
        self.bits_type = ir.VectorType(ir.IntType(8 * self.itemsize), width)
        self.pointer = ir.PointerType()
        self.i32 = ir.IntType(32)
        self.i64 = ir.IntType(64)

    # constants

    def number(self, x: float) -> Value:
        """The same number in every lane."""
        return _Splat(self.type, x)

    def bits(self, i: int) -> Value:
        """The same integer, as wide as a number, in every lane."""
        return _Splat(self.bits_type, i)

    def truth(self, yes: bool) -> Value:
        """The same truth in every lane."""
        return _Splat(self.mask_type, int(yes))

    def integer(self, i: int) -> Value:
        """An i64."""
        return ir.Constant(self.i64, i)

    def index(self, i: Index) -> Value:
        """An i64, given as one or as a number known now."""
        return self.integer(i) if isinstance(i, int) else i

    # arithmetic

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """Multiplies and adds: a * b + c, in one rounding where the target can."""
        if "fma" not in self.features:
            return self.builder.fadd(self.builder.fmul(a, b), c)
        return self.call("fma", a, b, c)

    def select(self, mask: Value, a: Value, b: Value) -> Value:
        """``a`` in the lanes of the mask, ``b`` in the others."""
        return self.builder.select(mask, a, b)

    def counted(self, first: Value) -> Value:
        """An i64 as a number in the first lane, and from lane to lane one more."""
        lanes = ir.Constant(self.type, [float(lane) for lane in range(self.width)])
        return self.builder.fadd(self.splat(self.builder.sitofp(first, self.scalar)), lanes)

    def whole(self, number: Value) -> Value:
        """A whole number as an i64."""
        return self.builder.fptosi(number, self.i64)

    def larger(self, a: Value, b: Value) -> Value:
        """The larger of two scalars or vectors; NaN if either is."""
        first = self.builder.or_(self.builder.fcmp_ordered(">", a, b), self.builder.fcmp_unordered("uno", a, a))
        return self.builder.select(first, a, b)

    def sum_lanes(self, v: Value) -> Value:
        """The sum of all lanes as a scalar: halves are added, then halves of the sum."""
        return self.fold_lanes(v, self.builder.fadd)

    def max_lanes(self, v: Value) -> Value:
        """The largest lane as a scalar; NaN if any lane is."""
        return self.fold_lanes(v, self.larger)

    def fold_lanes(self, v: Value, join: Callable[[Value, Value], Value]) -> Value:
        """All lanes joined into a scalar, the lower half with the upper one first."""
        half = self.width // 2
        while half:
            v = join(self.lanes(v, range(half)), self.lanes(v, range(half, 2 * half)))
            half //= 2
        return self.builder.extract_element(v, ir.Constant(self.i32, 0))

    def lanes(self, v: Value, which: Sequence[int]) -> Value:
        """A vector of some lanes of another."""
        order = ir.Constant(ir.VectorType(self.i32, len(which)), list(which))
        return self.builder.shuffle_vector(v, ir.Constant(v.type, ir.Undefined), order)

    # memory

    def at(self, ptr: Value, *offsets: Index) -> Value:
        """The address so many elements further; offsets are added."""
        for offset in (*(o for o in offsets if not isinstance(o, int)), sum(o for o in offsets if isinstance(o, int))):
            if not (isinstance(offset, int) and offset == 0):
                ptr = self.builder.gep(ptr, [self.index(offset)], source_etype=self.scalar)
        return ptr

    def load(self, ptr: Value, mask: Value | None = None) -> Value:
        """The vector at an address; lanes outside the mask are 0 and not read."""
        if mask is None:
            return self.builder.load(ptr, align=self.itemsize, typ=self.type)
        name = f"llvm.masked.load.{self.suffix(self.type)}.p0"
        align = ir.Constant(self.i32, self.itemsize)
        function = self.intrinsic(name, self.type, [self.pointer, align.type, self.mask_type, self.type])
        return self.builder.call(function, [ptr, align, mask, self.number(0.0)])

    def store(self, value: Value, ptr: Value, mask: Value | None = None) -> None:
        """Writes a vector to an address, only the lanes of the mask."""
        if mask is None:
            self.builder.store(value, ptr, align=self.itemsize)
            return
        name = f"llvm.masked.store.{self.suffix(self.type)}.p0"
        align = ir.Constant(self.i32, self.itemsize)
        function = self.intrinsic(name, ir.VoidType(), [self.type, self.pointer, align.type, self.mask_type])
        self.builder.call(function, [value, ptr, align, mask])

    def broadcast(self, ptr: Value) -> Value:
        """The one number at an address, in every lane."""
        return self.splat(self.builder.load(ptr, align=self.itemsize, typ=self.scalar))

    def splat(self, scalar: Value) -> Value:
        """A scalar (a number, an i1, an integer) in every lane."""
        one = ir.VectorType(scalar.type, self.width)
        first = self.builder.insert_element(ir.Constant(one, ir.Undefined), scalar, ir.Constant(self.i32, 0))
        return self.lanes(first, [0] * self.width)

    def tail(self, remaining: Value) -> Value:
        """The mask of the first ``remaining`` lanes (i64; none below 0, all from the width on)."""
        small = self.builder.icmp_signed("<", remaining, self.integer(self.width))
        count = self.builder.select(small, remaining, self.integer(self.width))
        numbers = ir.Constant(ir.VectorType(self.i32, self.width), list(range(self.width)))
        return self.builder.icmp_signed("<", numbers, self.splat(self.builder.trunc(count, self.i32)))

    # control

    @contextmanager
    def loop(self, low: Index, high: Index, step: Index = 1) -> Iterator[Value]:
        """Emits the body once for every i64 index from ``low`` below ``high``; not at all if there is none."""
        with self.folding(low, high, [], step) as (index, _, _):
            yield index

    def fold(
        self,
        low: Index,
        high: Index,
        starts: Sequence[Value],
        body: Callable[[Value, list[Value]], Sequence[Value]],
        step: Index = 1,
    ) -> list[Value]:
        """A loop that carries values in registers: ``body(index, values)`` gives the next values; returns the last."""
        with self.folding(low, high, starts, step) as (index, values, finish):
            finish.extend(body(index, values))
        return finish[len(starts) :]

    @contextmanager
    def folding(
        self, low: Index, high: Index, starts: Sequence[Value], step: Index
    ) -> Iterator[tuple[Value, list[Value], list[Value]]]:
        """A loop's body; gives the index, the carried values, and a list that takes the next ones and then the last."""
        build, low, high = self.builder, self.index(low), self.index(high)
        before, body = build.block, build.append_basic_block("loop")
        after = build.append_basic_block("after")
        build.cbranch(build.icmp_signed("<", low, high), body, after)
        build.position_at_end(body)
        index = build.phi(self.i64)
        index.add_incoming(low, before)
        carried = [build.phi(start.type) for start in starts]
        following: list[Value] = []
        yield index, list(carried), following
        index_after = build.add(index, self.index(step))
        end = build.block
        index.add_incoming(index_after, end)
        build.cbranch(build.icmp_signed("<", index_after, high), body, after)
        build.position_at_end(after)
        for phi, start, value in zip(carried, starts, list(following), strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(value, end)
            last = build.phi(start.type)
            last.add_incoming(start, before)
            last.add_incoming(value, end)
            following.append(last)

    def where_any(self, mask: Value, values: Sequence[Value], rare: Callable[[], Sequence[Value]]) -> list[Value]:
        """The values, or where any lane is in the mask what ``rare`` makes instead; it is jumped over otherwise."""
        build, every = self.builder, ir.IntType(self.width)
        before, seldom, after = build.block, build.append_basic_block("rare"), build.append_basic_block("usual")
        jump = build.cbranch(build.icmp_unsigned("!=", build.bitcast(mask, every), every(0)), seldom, after)
        jump.set_weights([1, 1000])
        build.position_at_end(seldom)
        others, end = rare(), build.block
        build.branch(after)
        build.position_at_end(after)
        found = [build.phi(value.type) for value in values]
        for phi, value, other in zip(found, values, others, strict=True):
            phi.add_incoming(value, before)
            phi.add_incoming(other, end)
        return found

    def function(self, name: str, arg_types: Sequence[ir.Type], internal: bool = True) -> ir.Function:
        """Begins a function that returns nothing; the builder stands in it. One not internal is seen from outside."""
        function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), list(arg_types)), name)
        function.attributes.add("nounwind")
        if internal:
            function.linkage = "internal"
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        return function

    def shared(
        self, name: str, body: Callable[..., Sequence[Value]], kinds: Sequence[ir.Type], args: Sequence[Value]
    ) -> list[Value]:
        """Calls a function that ``body(vectors, *args)`` writes once per module: for what is long and seldom run.

        Args:
            name: Of the function; the vectors' type is added.
            body: Writes it and gives the values that it returns.
            kinds: The types of these values.
            args: What it is called with.
        """
        name = f"{name}.{self.suffix(self.type)}"
        function = self.module.globals.get(name) or self.written(name, body, kinds, args)
        values = self.builder.call(function, args)
        return [self.builder.extract_value(values, i) for i in range(len(kinds))]

    def written(
        self, name: str, body: Callable[..., Sequence[Value]], kinds: Sequence[ir.Type], args: Sequence[Value]
    ) -> ir.Function:
        """A function that returns several values; the builder stays where it is."""
        here, result = self.builder, ir.LiteralStructType(list(kinds))
        function = ir.Function(self.module, ir.FunctionType(result, [a.type for a in args]), name)
        function.linkage = "internal"
        for attribute in ("nounwind", "noinline"):
            function.attributes.add(attribute)
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        values = ir.Constant(result, ir.Undefined)
        for i, value in enumerate(body(self, *function.args)):
            values = self.builder.insert_value(values, value, i)
        self.builder.ret(values)
        self.builder = here
        return function

    # intrinsics

    def intrinsic(self, name: str, ret: ir.Type, args: Sequence[ir.Type]) -> ir.Function:
        """An intrinsic function of LLVM, declared once per module."""
        known = self.module.globals.get(name)
        return known or ir.Function(self.module, ir.FunctionType(ret, list(args)), name)

    def call(self, name: str, *args: Value) -> Value:
        """Calls ``llvm.NAME`` on vectors of one type, which is the result's too."""
        kind = args[0].type
        function = self.intrinsic(f"llvm.{name}.{self.suffix(kind)}", kind, [a.type for a in args])
        return self.builder.call(function, args)

    @staticmethod
    def suffix(kind: ir.VectorType) -> str:
        """How LLVM names a vector type within an intrinsic's name."""
        letters = {"float": "f32", "double": "f64"}
        return f"v{kind.count}{letters.get(str(kind.element), str(kind.element))}"
