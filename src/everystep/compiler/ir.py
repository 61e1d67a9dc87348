"""The graph of a step: a closed set of operations on values of one row.

A value belongs to one row of the batch and has ``size`` features, flat and in a fixed order; the batch and the time
axis never appear. Parameters are no values: products and vectors look at them through a :class:`View`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Leaf(NamedTuple):
    """Where a value comes from that the graph does not compute.

    Kinds: ``state`` a part as it enters the step; ``x`` a stream of the input; ``row`` a value that a row of the
    batch keeps over all steps (context, what a reset puts back); ``flag`` a bool of one row at one step;
    ``value`` numbers of one row at one step that are not x (forced values); ``gradient`` of an output of the step;
    ``kept`` a value that the forward loop saved, ``before`` and ``after`` a part of its state there.
    """

    kind: str
    name: str


class View(NamedTuple):
    """A strided look at a parameter, or at a tensor computed from parameters alone.

    ``shape`` is (size,) for a vector and (in, out) for the weight of a product.
    Offset and strides count elements from the tensor's own first one.
    """

    root: str
    offset: int
    strides: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def transposed(self) -> View:
        """The same elements with both axes exchanged."""
        return self._replace(strides=self.strides[::-1], shape=self.shape[::-1])

    def part(self, axis: int, low: int, size: int) -> View:
        """The elements ``low`` to ``low + size`` of one axis."""
        shape = (*self.shape[:axis], size, *self.shape[axis + 1 :])
        return self._replace(offset=self.offset + low * self.strides[axis], shape=shape)

    def is_followed_by(self, other: View, axis: int) -> bool:
        """Whether another view goes on where this one ends along an axis."""
        across = self.shape[:axis] + self.shape[axis + 1 :] == other.shape[:axis] + other.shape[axis + 1 :]
        begin = self.offset + self.shape[axis] * self.strides[axis]
        return across and (self.root, self.strides, begin) == (other.root, other.strides, other.offset)

    def __str__(self) -> str:
        sizes = "x".join(map(str, self.shape))
        return f"{self.root}[{self.offset}+{'+'.join(map(str, self.strides))}: {sizes}]"


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """One value of one row. Nodes are compared by identity; make them with :func:`make` and the functions below.

    ``attribute`` is what the operation needs besides its inputs: a :class:`Leaf`, a :class:`View` (vector, lookup), a
    number (constant), the first feature (slice), the features of a run (repeat and folds), one :class:`View` per
    multiplied input (affine).
    """

    op: str
    inputs: tuple[Node, ...]
    size: int
    truth: bool = False  # bool, where other values are numbers
    attribute: Any = None
    where: str = field(default="", repr=False)  # file:line of the user's step

    def __repr__(self) -> str:
        return f"{self.op}({', '.join(i.op for i in self.inputs)}: {self.size})"


@dataclass(frozen=True)
class Graph:
    """What one step computes: a value for each named output.

    Output names: ``state:h`` the part after the step, ``y``, ``tap:forget``. Gradient graphs name theirs the same way.
    """

    outputs: Mapping[str, Node]

    def nodes(self) -> list[Node]:
        """Every node once, inputs before those that use them."""
        return sorted_nodes(self.outputs.values())


NUMBERS = {
    "neg", "abs", "sign", "exp", "log", "expm1", "log1p", "sqrt", "rsqrt", "reciprocal", "tanh", "sigmoid", "relu",
    "erf", "sin", "cos", "floor", "add", "sub", "mul", "div", "pow", "maximum", "minimum", "atan2", "stop",
}  # fmt: skip
TRUTHS = {"lt", "le", "eq", "and", "or", "not"}  # numbers (lt, le, eq) or truths (and, or, not) in, a truth out
ELEMENTWISE = NUMBERS | TRUTHS | {"where", "number"}  # number: a truth as 0 or 1; where(truth, a, b)
LEAVES = {"leaf", "vector", "constant"}
FOLDS = {"fold_sum", "fold_max"}  # runs of features, several after one another, to one run
REDUCED = {"sum", "max", "argmax"}  # n to one; argmax: which is the largest, counted from 0 in the type of all numbers
FEATURES = {"slice", "cat", "spread", "repeat"} | REDUCED | FOLDS  # spread: one repeated
PARAMETERS = {"affine", "lookup"}  # affine: sum of inputs times weights, and a last input as it is; lookup: one row
OPS = ELEMENTWISE | LEAVES | FEATURES | PARAMETERS


def leaf(kind: str, name: str, size: int, *, truth: bool = False) -> Node:
    """A value that the graph is given."""
    return Node("leaf", (), size, truth, Leaf(kind, name))


def vector(view: View, where: str = "") -> Node:
    """A parameter of one value per feature, the same for all rows."""
    return Node("vector", (), view.shape[0], attribute=view, where=where)


def constant(value: float, *, truth: bool = False) -> Node:
    """A number known when the step was traced; one feature, which spreads over any number of them."""
    return Node("constant", (), 1, truth, float(value))


def make(op: str, *inputs: Node, where: str = "") -> Node:
    """An elementwise operation; inputs have one size, or size 1, which spreads."""
    if op not in ELEMENTWISE:
        raise ValueError(f"{op} is not elementwise")
    size = max(i.size for i in inputs)
    if any(i.size not in {1, size} for i in inputs):
        if 0 not in {i.size for i in inputs}:
            raise ValueError(f"{op} of sizes {[i.size for i in inputs]}")
        size = 0
    return Node(op, inputs, size, op in TRUTHS or (op == "where" and inputs[1].truth), where=where)


def slice_of(value: Node, low: int, size: int, where: str = "") -> Node:
    """Features ``low`` to ``low + size`` of a value."""
    if low == 0 and size == value.size:
        return value
    return Node("slice", (value,), size, value.truth, low, where)


def cat(values: Iterable[Node], where: str = "") -> Node:
    """Values one after another along the features."""
    values = tuple(values)
    if len(values) == 1:
        return values[0]
    return Node("cat", values, sum(v.size for v in values), values[0].truth, where=where)


def spread(value: Node, size: int, where: str = "") -> Node:
    """One feature repeated ``size`` times."""
    return value if value.size == size else Node("spread", (value,), size, value.truth, where=where)


def reduce(op: str, value: Node, where: str = "") -> Node:
    """The ``sum``, the ``max`` or the ``argmax`` of all features, one feature."""
    return Node(op, (value,), 1, where=where)


def repeat(value: Node, times: int, run: int, where: str = "") -> Node:
    """Every ``run`` features in succession repeated: runs of 1 each by itself, one run of all as a whole."""
    if value.size == 1:
        return spread(value, times, where)
    if times == 1 or not value.size:
        return value
    return Node("repeat", (value,), value.size * times, value.truth, run, where)


def fold(op: str, value: Node, times: int, run: int, where: str = "") -> Node:
    """The ``sum`` or the ``max`` of every ``times`` runs of features that follow each other, feature by feature."""
    if times == 1:
        return value
    if times == value.size:
        return reduce(op, value, where)
    return Node(f"fold_{op}", (value,), value.size // times, False, run, where)


def times_of(node: Node) -> int:
    """How often each run is repeated, or how many runs are folded into one."""
    sizes = sorted((node.size, node.inputs[0].size))
    return sizes[1] // sizes[0]


def affine(values: Iterable[Node], weights: Iterable[View], start: Node | None = None, where: str = "") -> Node:
    """The sum of values times weights, begun at ``start``: start + a @ A + b @ B + ..., added in this order."""
    values, weights = tuple(values), tuple(weights)
    size = weights[0].shape[1]
    return Node(
        "affine", values if start is None else (*values, spread(start, size)), size, attribute=weights, where=where
    )


def lookup(index: Node, table: View, where: str = "") -> Node:
    """The row of a parameter that an index names: a whole number, one feature, less than the rows that there are."""
    return Node("lookup", (index,), table.shape[1], attribute=table, where=where)


def views(node: Node) -> tuple[View, ...]:
    """Every look at parameters that a node takes."""
    return {"vector": (node.attribute,), "lookup": (node.attribute,), "affine": node.attribute}.get(node.op, ())


def products(node: Node) -> list[tuple[Node, View]]:
    """The multiplied inputs of an affine node with their weights."""
    return list(zip(node.inputs, node.attribute, strict=False))


def start_of(node: Node) -> Node | None:
    """What an affine node's sum begins with, or None for zero."""
    return node.inputs[-1] if len(node.inputs) > len(node.attribute) else None


def with_inputs(node: Node, inputs: tuple[Node, ...]) -> Node:
    """The same operation on other inputs of the same sizes."""
    return Node(node.op, inputs, node.size, node.truth, node.attribute, node.where)


def following_repeats(nodes: Iterable[Node]) -> set[Node]:
    """Repeated values, and what follows from them feature by feature, among nodes whose inputs come first.

    They are as wide as a memory that is looked into, and quickly made: none of them is kept, each is made where needed.
    """
    found: set[Node] = set()
    for node in nodes:
        if node.op == "repeat" or (node.op in ELEMENTWISE and any(i in found for i in node.inputs)):
            found.add(node)
    return found


def sorted_nodes(ends: Iterable[Node]) -> list[Node]:
    """Every node that the ends need, inputs first; depth first without recursion."""
    done: dict[Node, None] = {}
    stack: list[tuple[Node, Iterator[Node]]] = [(end, iter(end.inputs)) for end in reversed(list(ends))]
    while stack:
        node, rest = stack[-1]
        if node in done:
            stack.pop()
            continue
        following = next((i for i in rest if i not in done), None)
        if following is None:
            done[node] = None
            stack.pop()
        else:
            stack.append((following, iter(following.inputs)))
    return list(done)
