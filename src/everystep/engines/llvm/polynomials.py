"""What the mathematical functions share: polynomials, bounds, and a detour through float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from everystep.engines.llvm.vectors import Value, Vectors


def polynomial(v: Vectors, x: Value, coefficients: Sequence[float]) -> Value:
    """Evaluates c0 + c1 x + c2 x² + ... by Horner's rule, one fma a term."""
    *rest, last = coefficients
    value = v.number(last)
    for c in reversed(rest):
        value = v.fma(value, x, v.number(c))
    return value


def at_most(v: Vectors, x: Value, bound: float) -> Value:
    """The smaller of x and a bound; NaN stays NaN."""
    limit = v.number(bound)
    return v.select(v.builder.fcmp_ordered(">", x, limit), limit, x)


def at_least(v: Vectors, x: Value, bound: float) -> Value:
    """The larger of x and a bound; NaN stays NaN."""
    limit = v.number(bound)
    return v.select(v.builder.fcmp_ordered("<", x, limit), limit, x)


def absolute(v: Vectors, x: Value) -> Value:
    """The distance from zero."""
    return v.call("fabs", x)


def signed(v: Vectors, x: Value, sign: Value) -> Value:
    """The magnitude of one number with the sign of another, that of -0 too."""
    return v.call("copysign", x, sign)


def is_nan(v: Vectors, x: Value) -> Value:
    """The lanes that hold no number."""
    return v.builder.fcmp_unordered("uno", x, x)


def widely(function: Callable[..., Value]) -> Callable[..., Value]:
    """A function of float64 vectors that serves float32 too, by computing in float64 and rounding once at the end.

    For functions that no recurrent cell is built of: twice the work, but one algorithm and half an ulp.
    """

    def wide(v: Vectors, *args: Value) -> Value:
        if v.dtype == "float64":
            return function(v, *args)
        double = Vectors(v.module, "float64", v.width, v.features)
        double.builder = v.builder
        value = function(double, *(v.builder.fpext(a, double.type) for a in args))
        return v.builder.fptrunc(value, v.type)

    wide.__doc__ = function.__doc__
    return wide


def as_bits(v: Vectors, x: Value) -> Value:
    """The bits of numbers as integers."""
    return v.builder.bitcast(x, v.bits_type)


def from_bits(v: Vectors, i: Value) -> Value:
    """The numbers that have these bits."""
    return v.builder.bitcast(i, v.type)


def negative(v: Vectors, x: Value) -> Value:
    """The lanes whose sign bit is set, -0 among them."""
    return v.builder.icmp_signed("<", as_bits(v, x), v.bits(0))
