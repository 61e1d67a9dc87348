r"""The natural logarithm: :math:`x = 2^k m` with m from :math:`\sqrt{1/2}` to :math:`\sqrt 2`, and a series in m - 1.

The coefficients are weighted minimax polynomials from an exchange algorithm in 50 digits, rounded to the dtype.
"""

from __future__ import annotations

import math

from everystep.engines.llvm.exponentials import FORMATS
from everystep.engines.llvm.polynomials import as_bits, from_bits, polynomial
from everystep.engines.llvm.vectors import Value, Vectors

ROOT_HALF = {"float32": 0x3F3504F3, "float64": 0x3FE6A09E667F3BCD}  # the bits of sqrt(1/2)

# (log(1 + f) - f + f²/2) / f³, error of the logarithm at most 6e-9
CUBIC = (
    0.33333316445350647, -0.25000816583633423, 0.20002304017543793, -0.16624349355697632,
    0.14180685579776764, -0.13130426406860352, 0.12885934114456177, -0.07860098779201508,
)  # fmt: skip

# (2 atanh(s) / s - 2) / s² in s², error of the logarithm at most 2.5e-18
ATANH = (
    0.6666666666666735, 0.39999999999407504, 0.2857142874413969, 0.22222198378544195,
    0.18183575166074456, 0.15313755668829623, 0.14799067570036634,
)  # fmt: skip


def parts(v: Vectors, x: Value) -> tuple[Value, Value]:
    """The k and the m of a positive number, denormal or not."""
    form = FORMATS[v.dtype]
    lift = form.mantissa + 2
    small = v.builder.fcmp_ordered("<", x, v.number(2.0 ** (1 - form.bias)))
    bits = as_bits(v, v.select(small, v.builder.fmul(x, v.number(2.0**lift)), x))
    k = v.builder.ashr(v.builder.sub(bits, v.bits(ROOT_HALF[v.dtype])), v.bits(form.mantissa))
    m = from_bits(v, v.builder.sub(bits, v.builder.shl(k, v.bits(form.mantissa))))
    whole = v.number(1.5 * 2**form.mantissa)  # its lowest bits count in ones
    number = v.builder.fsub(from_bits(v, v.builder.add(k, as_bits(v, whole))), whole)
    return v.builder.fsub(number, v.select(small, v.number(lift), v.number(0.0))), m


def log_of_parts(v: Vectors, k: Value, m: Value) -> Value:
    """Puts a logarithm together: k ln 2 + log m."""
    return {"float32": by_cubic, "float64": by_atanh}[v.dtype](v, k, v.builder.fsub(m, v.number(1.0)))


def by_cubic(v: Vectors, k: Value, f: Value) -> Value:
    """log(1 + f) = f - f²/2 + f³ P(f), smallest terms first."""
    form, square = FORMATS[v.dtype], v.builder.fmul(f, f)
    rest = v.builder.fmul(v.builder.fmul(square, f), polynomial(v, f, CUBIC))
    rest = v.fma(k, v.number(form.low), rest)
    rest = v.fma(square, v.number(-0.5), rest)
    return v.fma(k, v.number(form.high), v.builder.fadd(f, rest))


def by_atanh(v: Vectors, k: Value, f: Value) -> Value:
    """log(1 + f) = 2 atanh(s) with s = f / (2 + f), written as f - s (f - R), since f is exact where 2s is not."""
    form, build = FORMATS[v.dtype], v.builder
    s = build.fdiv(f, build.fadd(f, v.number(2.0)))
    square = build.fmul(s, s)
    series = build.fmul(square, polynomial(v, square, ATANH))
    half = build.fmul(v.number(0.5), build.fmul(f, f))
    rest = v.fma(k, v.number(form.low), build.fmul(s, build.fadd(half, series)))
    return v.fma(k, v.number(form.high), build.fsub(f, build.fsub(half, rest)))


def log(v: Vectors, x: Value) -> Value:
    """The natural logarithm; -inf at 0, NaN below."""
    return edges(v, x, log_of_parts(v, *parts(v, x)))


def edges(v: Vectors, x: Value, value: Value) -> Value:
    """A logarithm put right at 0, below 0, at infinity and at NaN."""
    zero, infinity = v.number(0.0), v.number(math.inf)
    value = v.select(v.builder.fcmp_ordered(">", x, zero), value, v.number(math.nan))
    value = v.select(v.builder.fcmp_ordered("==", x, zero), v.number(-math.inf), value)
    return v.select(v.builder.fcmp_ordered("==", x, infinity), infinity, value)


def log1p(v: Vectors, x: Value) -> Value:
    """log(1 + x) without loss near 0: the logarithm of the rounded sum, and what was rounded off over the sum."""
    build, one = v.builder, v.number(1.0)
    u = build.fadd(x, one)
    virtual = build.fsub(u, x)
    lost = build.fadd(build.fsub(x, build.fsub(u, virtual)), build.fsub(one, virtual))
    value = build.fadd(log_of_parts(v, *parts(v, u)), build.fdiv(lost, u))
    exact = build.fcmp_ordered("==", u, one)  # x itself, and -0 stays -0
    return v.select(exact, x, edges(v, u, value))
