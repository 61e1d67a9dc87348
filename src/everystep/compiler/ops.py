"""What each operation computes and how it is differentiated: one row per operation.

Operations that look at something besides their inputs (leaves, vectors, slices, products, lookups) or at several
ranges of features (cat) have no row: :mod:`~everystep.compiler.interpret` runs and
:mod:`~everystep.compiler.gradient` differentiates them by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from everystep.compiler.ir import Node, times_of
from everystep.compiler.terms import Site, Term

Rule = Callable[[Site], Term]


class Op(NamedTuple):
    """One row.

    ``run`` computes with torch on (rows, size) tensors, given the node as well where it looks at runs; its caller
    brings the result to the node's size and dtype.
    ``rules`` hold, for each input, how its gradient follows from that of the result, in the size of the result;
    None for an input that gets none. They follow torch at every edge: half to each of two equal maxima, 0 at relu(0).
    """

    run: Callable[..., Tensor]
    rules: tuple[Rule | None, ...]


def _itself(a: Tensor) -> Tensor:
    return a


def _base_of_power(v: Site) -> Term:
    exponent = v.b.node
    if exponent.op != "constant":
        return v.b.apply("eq", 0.0).select(0.0, v.g * (v.b * v.a.apply("pow", v.b - 1.0)))
    n = exponent.attribute
    if n == 0.0:
        return v.number(0.0).spread(v.node.size)
    return v.g * ((v.a if n == 2.0 else v.a.apply("pow", n - 1.0)) * n)


def _exponent_of_power(v: Site) -> Term:
    flat = v.a.apply("eq", 0.0).apply("and", v.number(0.0).apply("le", v.b))  # 0 to any power from 0 on stays as it is
    return flat.select(0.0, v.g * (v.r * v.a.apply("log")))


def _winner(v: Site, loses: Term) -> Term:
    return loses.select(0.0, v.a.apply("eq", v.b).select(v.g * 0.5, v.g))


def _per_angle(v: Site) -> Term:
    square = v.a * v.a + v.b * v.b
    return square.apply("eq", 0.0).select(0.0, v.g / square)


def _largest(v: Site) -> Term:
    among = v.a.apply("eq", v.r).apply("number")
    return among * (v.g / among.total())


def _repeated(a: Tensor, node: Node) -> Tensor:
    return a.reshape(len(a), -1, 1, node.attribute).expand(-1, -1, times_of(node), -1).reshape(len(a), node.size)


def _runs(a: Tensor, node: Node) -> Tensor:
    return a.reshape(len(a), -1, times_of(node), node.attribute)


def _largest_of_runs(v: Site) -> Term:
    times, run = times_of(v.node), v.node.attribute
    among = v.a.apply("eq", v.r.repeated(times, run)).apply("number")
    return among * (v.g / among.folded(times, run)).repeated(times, run)


_SLOPE_OF_ERF = 2.0 / math.sqrt(math.pi)
_NONE_OF_TWO = (None, None)

OPS: dict[str, Op] = {
    # of one number
    "neg": Op(torch.neg, (lambda v: -v.g,)),
    "abs": Op(torch.abs, (lambda v: v.g * v.a.apply("sign"),)),
    "sign": Op(torch.sign, (None,)),
    "exp": Op(torch.exp, (lambda v: v.g * v.r,)),
    "log": Op(torch.log, (lambda v: v.g / v.a,)),
    "expm1": Op(torch.expm1, (lambda v: v.g * (v.r + 1.0),)),
    "log1p": Op(torch.log1p, (lambda v: v.g / (v.a + 1.0),)),
    "sqrt": Op(torch.sqrt, (lambda v: v.g / (v.r * 2.0),)),
    "rsqrt": Op(torch.rsqrt, (lambda v: v.g * (v.r * v.r * v.r * -0.5),)),
    "reciprocal": Op(torch.reciprocal, (lambda v: -(v.g * v.r * v.r),)),
    "tanh": Op(torch.tanh, (lambda v: v.g * (1.0 - v.r * v.r),)),
    "sigmoid": Op(torch.sigmoid, (lambda v: v.g * (v.r * (1.0 - v.r)),)),
    "relu": Op(torch.relu, (lambda v: v.r.apply("le", 0.0).select(0.0, v.g),)),
    "erf": Op(torch.erf, (lambda v: v.g * ((-(v.a * v.a)).apply("exp") * _SLOPE_OF_ERF),)),
    "sin": Op(torch.sin, (lambda v: v.g * v.a.apply("cos"),)),
    "cos": Op(torch.cos, (lambda v: -(v.g * v.a.apply("sin")),)),
    "floor": Op(torch.floor, (None,)),
    "stop": Op(Tensor.detach, (None,)),
    # of two numbers
    "add": Op(torch.add, (lambda v: v.g, lambda v: v.g)),
    "sub": Op(torch.sub, (lambda v: v.g, lambda v: -v.g)),
    "mul": Op(torch.mul, (lambda v: v.g * v.b, lambda v: v.g * v.a)),
    "div": Op(torch.div, (lambda v: v.g / v.b, lambda v: -(v.g / v.b * v.r))),
    "pow": Op(torch.pow, (_base_of_power, _exponent_of_power)),
    "maximum": Op(
        torch.maximum, (lambda v: _winner(v, v.a.apply("lt", v.b)), lambda v: _winner(v, v.b.apply("lt", v.a)))
    ),
    "minimum": Op(
        torch.minimum, (lambda v: _winner(v, v.b.apply("lt", v.a)), lambda v: _winner(v, v.a.apply("lt", v.b)))
    ),
    "atan2": Op(torch.atan2, (lambda v: _per_angle(v) * v.b, lambda v: -(_per_angle(v) * v.a))),
    # truths, and choosing by them
    "lt": Op(torch.lt, _NONE_OF_TWO),
    "le": Op(torch.le, _NONE_OF_TWO),
    "eq": Op(torch.eq, _NONE_OF_TWO),
    "and": Op(torch.logical_and, _NONE_OF_TWO),
    "or": Op(torch.logical_or, _NONE_OF_TWO),
    "not": Op(torch.logical_not, (None,)),
    "number": Op(_itself, (None,)),
    "where": Op(torch.where, (None, lambda v: v.a.select(v.g, 0.0), lambda v: v.a.select(0.0, v.g))),
    # over features
    "spread": Op(_itself, (lambda v: v.g,)),
    "sum": Op(lambda a: a.sum(1, keepdim=True), (lambda v: v.g.spread(v.a.node.size),)),
    "max": Op(lambda a: a.amax(1, keepdim=True), (_largest,)),
    "argmax": Op(lambda a: a.argmax(1, keepdim=True), (None,)),
    # over runs of features
    "repeat": Op(_repeated, (lambda v: v.g.folded(times_of(v.node), v.node.attribute),)),
    "fold_sum": Op(
        lambda a, node: _runs(a, node).sum(2).flatten(1),
        (lambda v: v.g.repeated(times_of(v.node), v.node.attribute),),
    ),
    "fold_max": Op(lambda a, node: _runs(a, node).amax(2).flatten(1), (_largest_of_runs,)),
}
