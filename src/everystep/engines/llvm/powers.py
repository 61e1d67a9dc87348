r"""Powers: :math:`x^y = e^{y \log |x|}`, in pairs of floats where one float cannot hold the logarithm well enough.

The relative error of a power is the absolute error of :math:`y \log |x|`,
which reaches 700; so its logarithm needs ten bits more than a float64 has.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from everystep.engines.llvm.exponentials import FORMATS, LOG2E, exp, exp_of_parts, remainder, rounded
from everystep.engines.llvm.logarithms import log, parts
from everystep.engines.llvm.pairs import Pair, add, pair_product, pair_sum, times
from everystep.engines.llvm.polynomials import absolute, at_least, at_most, is_nan, negative, polynomial, widely
from everystep.engines.llvm.rounding import floor
from everystep.engines.llvm.vectors import Value, Vectors

TWO_THIRDS = (2 / 3, 3.700743415417188e-17)  # whose sum is 2/3 to 107 bits
# ((2 atanh(s) / s - 2) / s² - 2/3) / s² in s², error of the logarithm at most 2.3e-20
SERIES = (
    0.4000000000000229, 0.28571428570083607, 0.2222222252290114, 0.18181784096164685, 0.15386770254825025,
    0.13256507243437937, 0.13199293449508678,
)  # fmt: skip


def log_pair(v: Vectors, a: Value) -> Pair:
    """The logarithm of a positive finite number: k ln 2 + 2 s + s³ (2/3 + ...), s = (m - 1) / (m + 1)."""
    build, form = v.builder, FORMATS[v.dtype]
    k, m = parts(v, a)
    f = build.fsub(m, v.number(1.0))
    over, over_low = pair_sum(v, m, v.number(1.0))
    s = build.fdiv(f, over)
    back, back_low = pair_product(v, s, over)
    lost = build.fsub(build.fsub(build.fsub(f, back), back_low), build.fmul(s, over_low))
    ratio = (s, build.fdiv(lost, over))
    square = times(v, ratio, ratio)
    rest = (build.fmul(square[0], polynomial(v, square[0], SERIES)), v.number(0.0))
    third = (v.number(TWO_THIRDS[0]), v.number(TWO_THIRDS[1]))
    series = times(v, times(v, ratio, square), add(v, third, rest))
    log_m = add(v, (build.fadd(s, s), build.fadd(ratio[1], ratio[1])), series)
    log_2 = (build.fmul(k, v.number(form.high)), build.fmul(k, v.number(form.low)))
    return add(v, log_2, log_m)


def by_pairs(v: Vectors, a: Value, y: Value) -> Value:
    """a^y where a is not negative, good for float64."""
    form, build = FORMATS[v.dtype], v.builder
    finite = build.and_(build.fcmp_ordered(">", a, v.number(0.0)), build.fcmp_ordered("<", a, v.number(math.inf)))
    high, low = log_pair(v, v.select(finite, a, v.number(1.0)))
    ends = v.select(build.fcmp_ordered("==", a, v.number(0.0)), v.number(-math.inf), a)
    high = v.select(finite, high, ends)
    bounded = at_most(v, at_least(v, y, -(2.0**80)), 2.0**80)  # such powers of all but 1 are 0 or infinite
    e, lost = pair_product(v, high, bounded)
    lost = v.fma(low, bounded, lost)
    e = at_most(v, at_least(v, e, form.bottom), form.top)
    inside = build.and_(
        build.fcmp_ordered(">", e, v.number(form.bottom)), build.fcmp_ordered("<", e, v.number(form.top))
    )
    n, _ = rounded(v, e, LOG2E, 0)
    r = build.fadd(remainder(v, e, n), v.select(inside, lost, v.number(0.0)))
    return exp_of_parts(v, n, r)


def power(v: Vectors, x: Value, y: Value) -> Value:
    """X to the power of y, with the values at 0, 1, infinity and NaN of IEEE 754."""
    if v.dtype == "float64":
        return v.shared("power", lambda v, x, y: [signed_power(v, x, y, by_pairs)], [v.type], [x, y])[0]
    return widely(lambda v, x, y: signed_power(v, x, y, by_logarithm))(v, x, y)


def by_logarithm(v: Vectors, a: Value, y: Value) -> Value:
    """a^y where a is not negative, good for rounding to float32."""
    return exp(v, v.builder.fmul(y, log(v, a)))


def signed_power(v: Vectors, x: Value, y: Value, magnitude: Callable[..., Value]) -> Value:
    """The power of a magnitude, put right below 0 and where x or y is special."""
    build, one = v.builder, v.number(1.0)
    value = magnitude(v, absolute(v, x), y)
    half = build.fmul(y, v.number(0.5))
    whole = build.fcmp_ordered("==", floor(v, y), y)
    odd = build.and_(whole, build.fcmp_ordered("!=", floor(v, half), half))
    value = v.select(build.and_(odd, negative(v, x)), build.fneg(value), value)
    below = build.and_(build.fcmp_ordered("<", x, v.number(0.0)), build.fcmp_ordered(">", x, v.number(-math.inf)))
    value = v.select(build.and_(below, build.not_(whole)), v.number(math.nan), value)
    value = v.select(build.or_(is_nan(v, x), is_nan(v, y)), build.fadd(x, y), value)
    unit = build.or_(build.fcmp_ordered("==", x, one), build.fcmp_ordered("==", y, v.number(0.0)))
    opposite = build.and_(build.fcmp_ordered("==", x, v.number(-1.0)), infinite(v, y))
    return v.select(build.or_(unit, opposite), one, value)


def infinite(v: Vectors, x: Value) -> Value:
    """The lanes that hold an infinity."""
    return v.builder.fcmp_ordered("==", absolute(v, x), v.number(math.inf))
