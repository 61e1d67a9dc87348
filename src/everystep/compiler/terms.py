"""Nodes written as formulas: what the derivative rules are written in."""

from __future__ import annotations

from dataclasses import dataclass

from everystep.compiler.ir import Node, constant, fold, make, reduce, repeat, spread


@dataclass(frozen=True, eq=False, slots=True)
class Term:
    """A node in a formula. Every operation on it makes a node that belongs to line ``where`` of the user's step."""

    node: Node
    where: str

    def apply(self, op: str, *others: Term | float) -> Term:
        """An elementwise operation on this term and others; numbers become constants."""
        inputs = (o.node if isinstance(o, Term) else constant(o) for o in others)
        return Term(make(op, self.node, *inputs, where=self.where), self.where)

    def __neg__(self) -> Term:
        return self.apply("neg")

    def __add__(self, other: Term | float) -> Term:
        return self.apply("add", other)

    def __sub__(self, other: Term | float) -> Term:
        return self.apply("sub", other)

    def __rsub__(self, other: float) -> Term:
        return Term(constant(other), self.where).apply("sub", self)

    def __mul__(self, other: Term | float) -> Term:
        return self.apply("mul", other)

    def __truediv__(self, other: Term | float) -> Term:
        return self.apply("div", other)

    def select(self, one: Term | float, other: Term | float) -> Term:
        """``one`` where this truth holds, else ``other``: never multiplied, so what is not chosen may be NaN."""
        return self.apply("where", one, other)

    def total(self) -> Term:
        """The sum of all features."""
        return Term(reduce("sum", self.node, self.where), self.where)

    def folded(self, times: int, run: int) -> Term:
        """The sum of every ``times`` runs of features."""
        return Term(fold("sum", self.node, times, run, self.where), self.where)

    def repeated(self, times: int, run: int) -> Term:
        """Every run of features repeated."""
        return Term(repeat(self.node, times, run, self.where), self.where)

    def spread(self, size: int) -> Term:
        """One feature repeated."""
        return Term(spread(self.node, size, self.where), self.where)


@dataclass(frozen=True, slots=True)
class Site:
    """What a derivative rule sees: a node whose gradient is known."""

    node: Node
    gradient: Node

    def term(self, node: Node) -> Term:
        """A node as a term of this place in the step."""
        return Term(node, self.node.where)

    def number(self, value: float) -> Term:
        """A constant as a term of this place in the step."""
        return self.term(constant(value))

    @property
    def g(self) -> Term:
        """The gradient of the result."""
        return self.term(self.gradient)

    @property
    def r(self) -> Term:
        """The result."""
        return self.term(self.node)

    @property
    def a(self) -> Term:
        """The first input."""
        return self.term(self.node.inputs[0])

    @property
    def b(self) -> Term:
        """The second input."""
        return self.term(self.node.inputs[1])
