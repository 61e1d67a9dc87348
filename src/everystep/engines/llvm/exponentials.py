r"""The exponential and what recurrent cells make of it: tanh and the logistic sigmoid.

All begin alike: :math:`x = n \ln 2 + r` with a whole number n and :math:`|r| \le \ln 2 / 2`, hence
:math:`e^x = 2^n e^r`. Adding 1.5 times the power of two above which floats are whole rounds to a whole number and
leaves n in the lowest bits of the sum; shifted up they are the exponent of :math:`2^n`, wherefore the number that is
added also holds the bias. No NaN is lost on the way: r is NaN and what has no number is only multiplied by 2^n.

The coefficients are weighted minimax polynomials from an exchange algorithm in 40 digits, rounded to the dtype.
"""

from __future__ import annotations

from typing import NamedTuple

from llvmlite import ir

from everystep.engines.llvm.polynomials import (
    absolute,
    as_bits,
    at_least,
    at_most,
    from_bits,
    polynomial,
    signed,
)
from everystep.engines.llvm.vectors import Value, Vectors

LOG2E = 1.4426950408889634


class Format(NamedTuple):
    """What a dtype's exponentials need to know about it."""

    mantissa: int  # bits after the point
    bias: int  # of the exponent
    high: float  # ln 2 cut so short that its products with any n are exact
    low: float  # ln 2 - high
    bottom: float  # exp gives 0 here and below
    top: float  # exp gives infinity here and above
    one: float  # tanh and sigmoid give 1 here and above
    shift: int  # numbers 2^shift too large or too small are normal before the last operation where its result is not
    exp: tuple[float, ...]  # (e^r - 1) / r for the relative error of e^r
    expm1: tuple[float, ...]  # (e^r - 1) / r for its own relative error
    tanh: tuple[float, ...]  # (tanh(r) / r - 1) / r² in r², half as far


FORMATS = {
    "float32": Format(
        23, 127, 22713 / 32768, 1.4286068203094173e-06, -104.0, 89.0, 18.0, 64,
        # errors 9.2e-8, 1.1e-8 and 5.5e-8
        (0.9999997019767761, 0.49999144673347473, 0.16667640209197998, 0.041898392140865326, 0.008290240541100502),
        (
            1.0, 0.4999999701976776, 0.16666506230831146, 0.041667137295007706, 0.008369140326976776,
            0.0013888871762901545,
        ),
        (-0.3333126902580261, 0.13110393285751343),
    ),
    "float64": Format(
        52, 1023, 0.6931471803691238, 1.9082149292705877e-10, -746.0, 710.0, 40.0, 512,
        # errors 3.4e-18, 1.8e-17 and 4.1e-18
        (
            1.0, 0.5000000000000012, 0.16666666666666213, 0.041666666666516645, 0.008333333333551534,
            0.0013888888946695982, 0.00019841269434168565, 2.4801490251327227e-05, 2.7557628087570854e-06,
            2.7631180979190165e-07, 2.499126537252364e-08,
        ),
        (
            1.0, 0.5000000000000006, 0.16666666666666563, 0.04166666666657316, 0.008333333333398292,
            0.001388888893252087, 0.0001984126970680266, 2.4801504269354818e-05, 2.7557415040112434e-06,
            2.7626401388862244e-07, 2.5052139666046924e-08,
        ),
        (
            -0.33333333333332477, 0.13333333332780292, -0.05396825277577056, 0.02186937023414223,
            -0.008857292275973427, 0.0034446300533050333,
        ),
    ),
}  # fmt: skip


def rounded(v: Vectors, x: Value, factor: float, exponent: int) -> tuple[Value, Value]:
    """The whole number n nearest to x times a factor, and 2^(n + exponent), which must be normal."""
    form = FORMATS[v.dtype]
    magic = v.number(1.5 * 2**form.mantissa + form.bias + exponent)
    sum_ = v.fma(x, v.number(factor), magic)
    power = v.builder.shl(as_bits(v, sum_), v.bits(form.mantissa))
    return v.builder.fsub(sum_, magic), from_bits(v, power)


def remainder(v: Vectors, x: Value, n: Value) -> Value:
    """What remains: x - n ln 2."""
    form = FORMATS[v.dtype]
    return v.fma(n, v.number(-form.low), v.fma(n, v.number(-form.high), x))


def exp(v: Vectors, x: Value) -> Value:
    """The exponential; denormal where it has to be."""
    form = FORMATS[v.dtype]
    x = at_most(v, at_least(v, x, form.bottom), form.top)
    n, _ = rounded(v, x, LOG2E, 0)
    return exp_of_parts(v, n, remainder(v, x, n))


def exp_of_parts(v: Vectors, n: Value, r: Value) -> Value:
    """2^n e^r in two steps, since 2^n alone may be no normal number where the result is one; rounded by the last."""
    form, build = FORMATS[v.dtype], v.builder
    p = polynomial(v, r, (1.0, *form.exp))
    if "avx512" in v.features and v.width * v.itemsize == 64:
        return scaled(v, p, n)
    small = build.fcmp_ordered("<", n, v.number(0.0))
    whole = 1.5 * 2**form.mantissa + form.bias
    near = build.fadd(n, v.select(small, v.number(whole + form.shift), v.number(whole - form.shift)))
    power = from_bits(v, build.shl(as_bits(v, near), v.bits(form.mantissa)))
    rest = v.select(small, v.number(2.0**-form.shift), v.number(2.0**form.shift))
    return build.fmul(build.fmul(p, power), rest)


def scaled(v: Vectors, x: Value, n: Value) -> Value:
    """Scales x by 2^n with the instruction that AVX-512 has for it."""
    name = "llvm.x86.avx512.mask.scalef." + {"float32": "ps", "float64": "pd"}[v.dtype] + ".512"
    every, rounding = ir.Constant(ir.IntType(v.width), -1), ir.Constant(v.i32, 4)  # all lanes, as the machine is set
    kinds = [v.type, v.type, v.type, every.type, rounding.type]
    return v.builder.call(v.intrinsic(name, v.type, kinds), [x, n, x, every, rounding])


def expm1(v: Vectors, x: Value) -> Value:
    """e^x - 1 without loss near 0: 2^n (e^r - 1) + (2^n - 1), at half its size so that 2^n does not overflow."""
    form = FORMATS[v.dtype]
    bounded = at_most(v, at_least(v, x, -form.one), form.top)
    n, power = rounded(v, bounded, LOG2E, -1)
    r = remainder(v, bounded, n)
    p = v.builder.fmul(r, polynomial(v, r, form.expm1))
    value = v.fma(power, p, v.builder.fsub(power, v.number(0.5)))
    tiny = v.builder.fcmp_ordered("<", absolute(v, x), v.number(2.0 ** -(form.mantissa + 2)))
    return v.select(tiny, x, v.builder.fadd(value, value))


def tanh(v: Vectors, x: Value) -> Value:
    r"""The hyperbolic tangent of the magnitude, with the sign put back.

    With :math:`a = n \ln 2 / 2 + r` and :math:`t = \tanh r` it is
    :math:`((2^n + 1) t + (2^n - 1)) / ((2^n - 1) t + (2^n + 1))`: exact in t where n = 0, hence near 0, and at most 1.
    Half of ln 2 needs no low part: what it lacks is multiplied by n and, as tanh flattens, by less than e^-2a.
    """
    form, build = FORMATS[v.dtype], v.builder
    a = at_most(v, absolute(v, x), form.one / 1.8)
    n, power = rounded(v, a, 2 * LOG2E, 0)
    r = v.fma(n, v.number(-(form.high + form.low) / 2), a)
    square = build.fmul(r, r)
    t = v.fma(build.fmul(r, square), polynomial(v, square, form.tanh), r)
    less, more = build.fsub(power, v.number(1.0)), build.fadd(power, v.number(1.0))
    return signed(v, build.fdiv(v.fma(more, t, less), v.fma(less, t, more)), x)


def sigmoid(v: Vectors, x: Value) -> Value:
    r"""The logistic function :math:`e^x / (1 + e^x)` with :math:`e^r = (1 + t) / (1 - t)`, :math:`t = \tanh(r / 2)`.

    Both sides are :math:`2^s (1 - t)` times too large, so that a denormal result is rounded once, by the division.
    """
    form, build = FORMATS[v.dtype], v.builder
    x = at_most(v, at_least(v, x, form.bottom), form.one)
    n, power = rounded(v, x, LOG2E, form.shift)
    r = remainder(v, x, n)
    series = [0.5, *(c / 2 ** (2 * k + 3) for k, c in enumerate(form.tanh))]
    t = build.fmul(r, polynomial(v, build.fmul(r, r), series))
    above = v.fma(power, t, power)
    one = 2.0**form.shift
    return build.fdiv(above, build.fadd(v.fma(t, v.number(-one), v.number(one)), above))
