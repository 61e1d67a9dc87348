r"""How many quarter turns an angle has and what remains: :math:`x = n \pi / 2 + r`, for every float64.

Angles below a million take n times three parts of π/2 away from x. Larger ones need more of π than fits into floats:
2/π is multiplied modulo 4, four quarter turns being none. Written :math:`x = y 2^{24 j - 32}` with a whole y, it is
:math:`y w_j` modulo 4 with :math:`w_j = 2^{24 j - 32} \cdot 2 / \pi` modulo 4, held in four floats (212 bits).
Source: M. H. Payne and R. N. Hanek, "Radian reduction for trigonometric functions", 1983.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from typing import Any

from llvmlite import ir

from everystep.engines.llvm.pairs import pair_product, pair_sum, times
from everystep.engines.llvm.polynomials import absolute, as_bits, from_bits, signed
from everystep.engines.llvm.rounding import floor
from everystep.engines.llvm.vectors import Value, Vectors

# π/2 in three parts, the first two so short (33 bits) that their products with any n below 2^20 are exact
PARTS = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21)
HALF_PI = (1.5707963267948966, 6.123233995736766e-17)
FAR = 1.5e6  # n stays below 2^20
WHOLE = 1.5 * 2.0**52  # added to a number, it leaves whole ones in the lowest bits
STRIDE, ROWS, FIRST = 24, 42, 1023 + 20  # binary orders of magnitude a row, rows, and the exponent of the first


def quadrant(v: Vectors, x: Value) -> list[Value]:
    """The number of quarter turns in x, whose lowest two bits are right, and the angle that remains, at most π/4."""
    build, a = v.builder, absolute(v, x)
    far = build.and_(build.fcmp_ordered(">", a, v.number(FAR)), build.fcmp_ordered("<", a, v.number(math.inf)))
    n, r = near(v, x)

    def rare() -> list[Value]:
        kinds = [v.bits_type, v.type]
        turns, rest = v.shared("quarter_turns", distant, kinds, [v.select(far, x, v.number(2.0**21))])
        return [v.select(far, turns, n), v.select(far, rest, r)]

    return v.where_any(far, [n, r], rare)


def near(v: Vectors, x: Value) -> tuple[Value, Value]:
    """Turns and rest of an angle that is not far."""
    build = v.builder
    total = v.fma(x, v.number(2 / math.pi), v.number(WHOLE))
    n = build.fsub(total, v.number(WHOLE))
    r = v.fma(n, v.number(-PARTS[0]), x)
    off = build.fmul(n, v.number(PARTS[1]))
    rest = build.fsub(r, off)
    lost = build.fsub(build.fsub(r, rest), off)
    return as_bits(v, total), build.fadd(rest, v.fma(n, v.number(-PARTS[2]), lost))


def distant(v: Vectors, x: Value) -> tuple[Value, Value]:
    """Turns and rest of an angle that is far."""
    build = v.builder
    bits = as_bits(v, x)
    order = build.sub(build.and_(build.lshr(bits, v.bits(52)), v.bits(2047)), v.bits(FIRST))
    row = build.lshr(build.mul(order, v.bits(683)), v.bits(14))  # a division by 24
    places = build.sub(order, build.mul(row, v.bits(STRIDE)))
    mantissa = build.and_(bits, v.bits(2**52 - 1))
    exponent = build.shl(build.add(places, v.bits(1023 + 52)), v.bits(52))
    y = signed(v, from_bits(v, build.or_(mantissa, exponent)), x)
    (h0, l0), (h1, l1), (h2, l2), (h3, _) = (pair_product(v, y, w) for w in table_row(v, row))
    terms = [build.fadd(h3, l2), h2, l1, *(modulo_4(v, a) for a in (h1, l0, h0))]
    *terms, high = distilled(v, distilled(v, terms))
    total = build.fadd(high, v.number(WHOLE))
    terms.append(build.fsub(high, build.fsub(total, v.number(WHOLE))))
    *_, low, high = distilled(v, distilled(v, terms))
    return as_bits(v, total), times(v, (high, low), (v.number(HALF_PI[0]), v.number(HALF_PI[1])))[0]


def modulo_4(v: Vectors, a: Value) -> Value:
    """A number less the multiple of 4 nearest to it, which is exact."""
    fours = floor(v, v.fma(a, v.number(0.25), v.number(0.5)))
    return v.builder.fsub(a, v.builder.fmul(v.number(4.0), fours))


def distilled(v: Vectors, terms: list[Value]) -> list[Value]:
    """Terms of the same sum, of which the last is nearly all of it."""
    rest, total = [], terms[0]
    for term in terms[1:]:
        total, lost = pair_sum(v, term, total)
        rest.append(lost)
    return [*rest, total]


def table_row(v: Vectors, row: Value) -> list[Value]:
    """The four parts of w_j, with a j of its own for every lane."""
    name, parts = "two_over_pi", [part for j in range(ROWS) for part in modular(j)]
    table: Any = v.module.globals.get(name)
    if table is None:
        kind = ir.ArrayType(v.scalar, len(parts))
        table = ir.GlobalVariable(v.module, kind, name)
        table.linkage, table.global_constant, table.initializer = "internal", True, ir.Constant(kind, parts)
    first = v.builder.shl(row, v.bits(2))
    return [gather(v, table, v.builder.add(first, v.bits(k))) for k in range(4)]


def gather(v: Vectors, table: Value, places: Value) -> Value:
    """One number of a table for every lane."""
    found = v.number(0.0)
    for lane in range(v.width):
        which = ir.Constant(v.i32, lane)
        place = v.builder.gep(table, [v.builder.extract_element(places, which)], source_etype=v.scalar)
        found = v.builder.insert_element(found, v.builder.load(place, typ=v.scalar), which)
    return found


@cache
def modular(j: int) -> tuple[float, ...]:
    """2^(24 j - 32) 2/π modulo 4 in four floats, largest first."""
    bits = 1300
    rest = Fraction(2, 1) / Fraction(pi_times(2**bits), 2**bits) * Fraction(2) ** (STRIDE * j - 32) % 4
    parts = []
    for _ in range(4):
        parts.append(float(rest))
        rest -= Fraction(parts[-1])
    return tuple(parts)


@cache
def pi_times(scale: int) -> int:
    """π times a large number, by Machin's formula: 16 arctan(1/5) - 4 arctan(1/239)."""

    def arctan(inverse: int) -> int:
        term, total, k = scale * 2**32 // inverse, 0, 1
        while term:
            total += term // k if k % 4 == 1 else -(term // k)
            term //= inverse * inverse
            k += 2
        return total

    return (16 * arctan(5) - 4 * arctan(239)) >> 32
