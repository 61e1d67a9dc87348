r"""Sine, cosine and the angle of a point.

The coefficients are minimax polynomials from an exchange algorithm in 50 digits, rounded to float64.
"""

from __future__ import annotations

import math

from everystep.engines.llvm.polynomials import (
    absolute,
    is_nan,
    negative,
    polynomial,
    signed,
    widely,
)
from everystep.engines.llvm.quarter_turns import quadrant
from everystep.engines.llvm.vectors import Value, Vectors

# (sin(r)/r - 1) / r² and (cos(r) - 1 + r²/2) / r⁴ in r² on [0, π/4], errors 3.5e-18 and 4.8e-20
SINE = (
    -0.16666666666666632, 0.008333333333322316, -0.00019841269829725286, 2.755731366207605e-06,
    -2.5050753266288042e-08, 1.5896504993571565e-10,
)  # fmt: skip
COSINE = (
    0.0416666666666666, -0.001388888888887399, 2.4801587289395025e-05, -2.7557314326056384e-07,
    2.0875719561719534e-09, -1.1359448808817944e-11,
)  # fmt: skip
# (atan(q)/q - 1) / q² in q² on [0, tan(π/8)], error 1.3e-18
ARC = (
    -0.3333333333333319, 0.19999999999952828, -0.14285714280121983, 0.1111111077982952, -0.09090897655892001,
    0.07692058443590884, -0.06663084307556061, 0.05847748089714813, -0.0503867774435679, 0.03804883597172803,
    -0.017890183703950166,
)  # fmt: skip

PI = (3.141592653589793, 1.2246467991473532e-16)


def turned(v: Vectors, x: Value, quarters: int) -> Value:
    """The sine of x plus some quarter turns."""
    build = v.builder
    n, r = quadrant(v, x)
    n = build.add(n, v.bits(quarters))
    square = build.fmul(r, r)
    sine = v.fma(build.fmul(r, square), polynomial(v, square, SINE), r)
    high = v.fma(square, v.number(-0.5), v.number(1.0))
    cosine = v.fma(build.fmul(square, square), polynomial(v, square, COSINE), high)
    odd = build.icmp_signed("!=", build.and_(n, v.bits(1)), v.bits(0))
    back = build.icmp_signed("!=", build.and_(n, v.bits(2)), v.bits(0))
    value = v.select(odd, cosine, sine)
    return v.select(back, build.fneg(value), value)


@widely
def sin(v: Vectors, x: Value) -> Value:
    """The sine."""
    zero = v.builder.fcmp_ordered("==", x, v.number(0.0))
    return v.select(zero, x, turned(v, x, 0))  # -0 stays -0


@widely
def cos(v: Vectors, x: Value) -> Value:
    """The cosine."""
    return turned(v, x, 1)


@widely
def atan2(v: Vectors, y: Value, x: Value) -> Value:
    """The angle from the x axis to the point (x, y), from -π to π."""
    build = v.builder
    across, up = absolute(v, x), absolute(v, y)
    steep = build.fcmp_ordered(">", up, across)
    angle = octant(v, v.select(steep, across, up), v.select(steep, up, across))
    angle = v.select(steep, less(v, angle, 0.5), angle)
    angle = v.select(negative(v, x), less(v, angle, 1.0), angle)
    strange = build.or_(is_nan(v, x), is_nan(v, y))
    return v.select(strange, build.fadd(x, y), signed(v, angle, y))


def less(v: Vectors, angle: Value, turns: float) -> Value:
    """A part of π less an angle."""
    return v.builder.fsub(v.number(turns * PI[0]), v.builder.fsub(angle, v.number(turns * PI[1])))


def octant(v: Vectors, low: Value, high: Value) -> Value:
    """atan(low / high) where 0 <= low <= high; above π/8 as π/4 less what remains."""
    build = v.builder
    same = build.fcmp_ordered("==", low, high)  # both 0 or both infinite among them
    nothing = build.fcmp_ordered("==", high, v.number(0.0))
    huge = build.fcmp_ordered(">", high, v.number(2.0**1022))  # whose sum could overflow
    low, high = (v.select(huge, build.fmul(a, v.number(0.5)), a) for a in (low, high))
    large = build.fcmp_ordered(">", low, build.fmul(high, v.number(math.tan(math.pi / 8))))
    q = build.fdiv(v.select(large, build.fsub(low, high), low), v.select(large, build.fadd(low, high), high))
    q = v.select(nothing, low, v.select(same, v.number(0.0), q))
    large = build.or_(large, build.and_(same, build.not_(nothing)))
    square = build.fmul(q, q)
    low_part = v.select(large, v.number(PI[1] / 4), v.number(0.0))
    series = v.fma(build.fmul(q, square), polynomial(v, square, ARC), low_part)
    return build.fadd(v.select(large, v.number(PI[0] / 4), v.number(0.0)), build.fadd(q, series))
