"""Operations on each feature by itself: one row an operation, written as the formula reads."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from everystep.compiler import ir
from everystep.compiler.axes import Value
from everystep.compiler.ir import Node
from everystep.compiler.lower import Lowering
from everystep.compiler.terms import Term

Formula = Callable[..., Term]


def _pow(a: Term, b: Term) -> Term:
    plain = {0.0: lambda: a * 0.0 + 1.0, 1.0: lambda: a, 2.0: lambda: a * a, 3.0: lambda: a * a * a}
    named = {0.5: "sqrt", -0.5: "rsqrt", -1.0: "reciprocal"}
    exponent = b.node.attribute if b.node.op == "constant" else None
    if exponent in plain:
        return plain[exponent]()
    if exponent in named:
        return a.apply(named[exponent])
    return a.apply("pow", b)


def _clamp(a: Term, low: Term | None = None, high: Term | None = None) -> Term:
    if low is not None:
        a = a.apply("lt", low).select(low, a)
    return a if high is None else high.apply("lt", a).select(high, a)


def _less(a: Term, b: Term) -> Term:
    return a.apply("lt", b)


def _at_most(a: Term, b: Term) -> Term:
    return a.apply("le", b)


def _one(a: Term) -> Term:
    return Term(ir.constant(1.0), a.where)


def _zero(a: Term) -> Term:
    return Term(ir.constant(0.0), a.where)


def _elu(a: Term, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Term:
    positive = _less(_zero(a), a)  # what is not chosen must stay finite, or its gradient would be NaN
    negative = (positive.select(0.0, a) * input_scale).apply("expm1") * (alpha * scale)
    return positive.select(a * scale, negative)


def _softplus(a: Term, beta: float = 1.0, threshold: float = 20.0) -> Term:
    scaled = a * beta
    linear = _less(Term(ir.constant(threshold), a.where), scaled)
    return linear.select(a, linear.select(0.0, scaled).apply("exp").apply("log1p") / beta)


def _gelu(a: Term, approximate: str = "none") -> Term:
    if approximate == "tanh":
        inner = (a + a * a * a * 0.044715) * math.sqrt(2 / math.pi)
        return a * 0.5 * (inner.apply("tanh") + 1.0)
    return a * 0.5 * ((a * math.sqrt(0.5)).apply("erf") + 1.0)


def _hardtanh(a: Term, low: float = -1.0, high: float = 1.0) -> Term:
    inside = _less(Term(ir.constant(high), a.where), a).select(high, a)
    return _at_most(a, Term(ir.constant(low), a.where)).select(low, inside)


def _between(a: Term, low: float, high: float, inside: Term, above: Term | float) -> Term:
    """0 up to ``low``, ``inside`` up to ``high``, then ``above``."""
    return _at_most(a, Term(ir.constant(low), a.where)).select(
        0.0, _less(a, Term(ir.constant(high), a.where)).select(inside, above)
    )


def _log_sigmoid(a: Term) -> Term:
    return a.apply("minimum", 0.0) - (-a.apply("abs")).apply("exp").apply("log1p")


def _softshrink(a: Term, lambd: float = 0.5) -> Term:
    low = _less(a, Term(ir.constant(-lambd), a.where)).select(a + lambd, 0.0)
    return _less(Term(ir.constant(lambd), a.where), a).select(a - lambd, low)


def _hardshrink(a: Term, lambd: float = 0.5) -> Term:
    return _at_most(a.apply("abs"), Term(ir.constant(lambd), a.where)).select(0.0, a)


def _divided(a: Term, b: Term, rounding_mode: str | None = None) -> Term:
    quotient = a / b
    if rounding_mode == "floor":
        return quotient.apply("floor")
    return _trunc(quotient) if rounding_mode == "trunc" else quotient


def _trunc(a: Term) -> Term:
    return _less(a, _zero(a)).select(-(-a).apply("floor"), a.apply("floor"))


def _round(a: Term) -> Term:
    low = a.apply("floor")  # a half goes to the even neighbour
    rest, odd = a - low, low - (low * 0.5).apply("floor") * 2.0
    up = rest.apply("eq", 0.5).select(odd, Term(ir.constant(0.5), a.where).apply("lt", rest).apply("number"))
    return low + up


def _log_add_exp(a: Term, b: Term) -> Term:
    return a.apply("maximum", b) + (-(a - b).apply("abs")).apply("exp").apply("log1p")


def _xlogy(a: Term, b: Term) -> Term:
    nothing = a.apply("eq", 0.0)
    return nothing.select(0.0, a * nothing.select(1.0, b).apply("log"))


def _lerp(a: Term, b: Term, weight: Term) -> Term:
    return a + weight * (b - a)


def _same(name: str) -> Formula:
    return lambda a, *others: a.apply(name, *others)


# of numbers
NUMBERS: dict[str, Formula] = {
    **{name: _same(name) for name in ("neg", "abs", "sign", "exp", "log", "expm1", "log1p", "sqrt", "rsqrt")},
    **{name: _same(name) for name in ("reciprocal", "tanh", "sigmoid", "relu", "erf", "sin", "cos", "floor")},
    **{name: _same(name) for name in ("maximum", "minimum", "atan2")},
    "sgn": _same("sign"),
    "add": lambda a, b, alpha=1: a + (b if alpha == 1 else b * alpha),
    "sub": lambda a, b, alpha=1: a - (b if alpha == 1 else b * alpha),
    "rsub": lambda a, b, alpha=1: b - (a if alpha == 1 else a * alpha),
    "mul": lambda a, b: a * b,
    "div": _divided,
    "floor_divide": lambda a, b: (a / b).apply("floor"),
    "remainder": lambda a, b: a - (a / b).apply("floor") * b,
    "fmod": lambda a, b: a - _trunc(a / b) * b,
    "addcmul": lambda a, b, c, value=1: a + (b * c if value == 1 else b * c * value),
    "addcdiv": lambda a, b, c, value=1: a + (b / c if value == 1 else b / c * value),
    "lerp": _lerp,
    "pow": _pow,
    "exp2": lambda a: (a * math.log(2)).apply("exp"),
    "log2": lambda a: a.apply("log") * (1 / math.log(2)),
    "log10": lambda a: a.apply("log") * (1 / math.log(10)),
    "sinh": lambda a: (a.apply("exp") - (-a).apply("exp")) * 0.5,
    "cosh": lambda a: (a.apply("exp") + (-a).apply("exp")) * 0.5,
    "tan": lambda a: a.apply("sin") / a.apply("cos"),
    "atan": lambda a: a.apply("atan2", 1.0),
    "asin": lambda a: a.apply("atan2", (1.0 - a * a).apply("sqrt")),
    "acos": lambda a: (1.0 - a * a).apply("sqrt").apply("atan2", a),
    "atanh": lambda a: (a.apply("log1p") - (-a).apply("log1p")) * 0.5,
    "round": _round,
    "erfc": lambda a: 1.0 - a.apply("erf"),
    "ceil": lambda a: -(-a).apply("floor"),
    "trunc": _trunc,
    "frac": lambda a: a - _trunc(a),
    "logit": lambda a: (a / (1.0 - a)).apply("log"),
    "logaddexp": _log_add_exp,
    "hypot": lambda a, b: (a * a + b * b).apply("sqrt"),
    "xlogy": _xlogy,
    "clamp": _clamp,
    "clamp_min": _clamp,
    "clamp_max": lambda a, high: _clamp(a, None, high),
    "silu": lambda a: a * a.apply("sigmoid"),
    "mish": lambda a: a * _softplus(a).apply("tanh"),
    "gelu": _gelu,
    "elu": _elu,
    "celu": lambda a, alpha=1.0: _elu(a, alpha, 1.0, 1 / alpha),
    "leaky_relu": lambda a, slope=0.01: _less(_zero(a), a).select(a, a * slope),
    "_prelu_kernel": lambda a, w: _less(_zero(a), a).select(a, w * a),
    "softplus": _softplus,
    "log_sigmoid_forward": _log_sigmoid,
    "hardtanh": _hardtanh,
    "hardsigmoid": lambda a: _between(a, -3.0, 3.0, a / 6.0 + 0.5, 1.0),
    "hardswish": lambda a: _between(a, -3.0, 3.0, a * (a + 3.0) / 6.0, a),
    "threshold": lambda a, limit, value: _at_most(a, Term(ir.constant(limit), a.where)).select(value, a),
    "softshrink": _softshrink,
    "hardshrink": _hardshrink,
    "heaviside": lambda a, b: a.apply("eq", 0.0).select(b, _less(_zero(a), a).apply("number")),
    "lt": _less,
    "le": _at_most,
    "gt": lambda a, b: _less(b, a),
    "ge": lambda a, b: _at_most(b, a),
    "eq": _same("eq"),
    "ne": lambda a, b: a.apply("eq", b).apply("not"),
    "isnan": lambda a: a.apply("eq", a).apply("not"),
}  # fmt: skip

# of truths
TRUTHS: dict[str, Formula] = {
    **{name: _same("and") for name in ("logical_and", "bitwise_and")},
    **{name: _same("or") for name in ("logical_or", "bitwise_or")},
    **{name: _same("not") for name in ("logical_not", "bitwise_not")},
    **{
        name: lambda a, b: a.apply("or", b).apply("and", a.apply("and", b).apply("not"))
        for name in ("logical_xor", "bitwise_xor")
    },
}

# Which positions hold settings, plain numbers, where the others hold operands
_SETTINGS = {
    "elu": 1, "celu": 1, "gelu": 1, "softplus": 1, "leaky_relu": 1, "hardtanh": 1, "threshold": 1, "softshrink": 1,
    "hardshrink": 1, "logit": 1,
}  # fmt: skip


def _row(name: str, formula: Formula, kind: str) -> Callable[..., Value]:
    settings = _SETTINGS.get(name, 99)

    def row(low: Lowering, *arguments: Any, **keywords: Any) -> Value:
        convert = low.truth if kind == "truth" else low.number
        named = {k: v for k, v in keywords.items() if not isinstance(v, Value)}
        operands = [*arguments[:settings], *(v for v in keywords.values() if isinstance(v, Value))]

        def rule(*nodes: Node | None) -> Node:
            terms = [None if n is None else Term(convert(n), low.where) for n in nodes]
            return formula(*terms, *arguments[settings:], **named).node

        return low.pointwise(rule, *operands)

    return row


def _where(low: Lowering, chosen: Value, one: Value | float, other: Value | float) -> Value:
    def rule(c: Node, a: Node, b: Node) -> Node:
        if a.truth != b.truth:
            a, b = low.number(a), low.number(b)
        return low.make("where", low.truth(c), a, b)

    return low.pointwise(rule, chosen, one, other)


ROWS: dict[str, Callable[..., Any]] = {
    **{name: _row(name, formula, "number") for name, formula in NUMBERS.items()},
    **{name: _row(name, formula, "truth") for name, formula in TRUTHS.items()},
    "where": _where,
    "masked_fill": lambda low, a, mask, value: _where(low, mask, value, a),
}
