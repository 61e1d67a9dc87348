"""Pairs of floats: an unevaluated sum high + low, for numbers of twice as many bits.

Source: T. J. Dekker, "A floating-point technique for extending the available precision", 1971; D. E. Knuth,
The Art of Computer Programming, volume 2, section 4.2.2.
"""

from __future__ import annotations

from everystep.engines.llvm.vectors import Value, Vectors

Pair = tuple[Value, Value]


def pair_sum(v: Vectors, a: Value, b: Value) -> Pair:
    """Adds: a + b and what its rounding lost, whichever is larger."""
    build = v.builder
    high = build.fadd(a, b)
    part = build.fsub(high, a)
    return high, build.fadd(build.fsub(a, build.fsub(high, part)), build.fsub(b, part))


def pair_product(v: Vectors, a: Value, b: Value) -> Pair:
    """Multiplies: a * b and what its rounding lost."""
    build, high = v.builder, v.builder.fmul(a, b)
    if "fma" in v.features:
        return high, v.fma(a, b, build.fneg(high))
    (a1, a2), (b1, b2) = halves(v, a), halves(v, b)
    rest = build.fadd(build.fsub(build.fmul(a1, b1), high), build.fadd(build.fmul(a1, b2), build.fmul(a2, b1)))
    return high, build.fadd(rest, build.fmul(a2, b2))


def halves(v: Vectors, a: Value) -> Pair:
    """The upper and the lower half of the bits of a number, whose products with other halves are exact."""
    far = v.builder.fmul(a, v.number(2.0**27 + 1))
    upper = v.builder.fsub(far, v.builder.fsub(far, a))
    return upper, v.builder.fsub(a, upper)


def add(v: Vectors, a: Pair, b: Pair) -> Pair:
    """The sum of two pairs."""
    high, lost = pair_sum(v, a[0], b[0])
    return pair_sum(v, high, v.builder.fadd(lost, v.builder.fadd(a[1], b[1])))


def times(v: Vectors, a: Pair, b: Pair) -> Pair:
    """The product of two pairs."""
    high, lost = pair_product(v, a[0], b[0])
    return pair_sum(v, high, v.fma(a[0], b[1], v.fma(a[1], b[0], lost)))
