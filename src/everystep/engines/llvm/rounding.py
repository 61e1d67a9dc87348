"""Rounding to whole numbers."""

from __future__ import annotations

from everystep.engines.llvm.exponentials import FORMATS
from everystep.engines.llvm.polynomials import absolute, signed
from everystep.engines.llvm.vectors import Value, Vectors


def floor(v: Vectors, x: Value) -> Value:
    """The largest whole number that is not above x."""
    if "fma" in v.features:  # such targets round in one instruction
        return v.call("floor", x)
    build, whole = v.builder, v.number(2.0 ** FORMATS[v.dtype].mantissa)
    a = absolute(v, x)
    near = signed(v, build.fsub(build.fadd(a, whole), whole), x)
    down = v.select(build.fcmp_ordered(">", near, x), build.fsub(near, v.number(1.0)), near)
    return v.select(build.fcmp_ordered("<", a, whole), down, x)  # larger numbers, and NaN, are what they are
