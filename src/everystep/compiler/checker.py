"""Hold a graph to what every later part takes for granted; run between passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from everystep.compiler.ir import ELEMENTWISE, NUMBERS, Graph, Leaf, Node, View, products, start_of
from everystep.compiler.ops import OPS

LEAF_KINDS = {"state", "x", "row", "flag", "value", "gradient", "kept", "before", "after"}


class BrokenGraphError(RuntimeError):
    """A graph that no pass should have made: a fault of the compiler, never of the step that it compiles."""


def check(graph: Graph) -> None:
    """Look at every node once.

    Raises:
        BrokenGraphError: An operation is unknown, sizes or kinds do not fit, a view has wrong axes, an output no name.
    """
    for name, node in graph.outputs.items():
        if not (isinstance(name, str) and name and isinstance(node, Node)):
            raise BrokenGraphError(f"output {name!r} is {node!r}; expected a name and its node")
    leaves: dict[Leaf, tuple[int, bool]] = {}
    for node in graph.nodes():
        for complaint in _complaints(node):
            raise BrokenGraphError(f"{node.where or 'a step'}: {node!r}: {complaint}")
        if node.op == "leaf" and leaves.setdefault(node.attribute, (node.size, node.truth)) != (node.size, node.truth):
            raise BrokenGraphError(
                f"{node.attribute} is used with {leaves[node.attribute][0]} and {node.size} features"
            )


def _complaints(node: Node) -> Iterator[str]:
    if type(node.size) is not int or node.size < 0:
        yield f"its size is {node.size!r}; expected a whole number from 0 on"
    elif node.op in ELEMENTWISE:
        yield from _of_elementwise(node)
    elif node.op in _BY_OP:
        yield from _BY_OP[node.op](node)
    else:
        yield "no such operation"


def _expected(what: str, came: object, expected: object) -> Iterator[str]:
    if came != expected:
        yield f"{what} is {came!r}; expected {expected!r}"


def _of_elementwise(node: Node) -> Iterator[str]:
    yield from _expected("number of inputs", len(node.inputs), len(OPS[node.op].rules))
    sizes = {i.size for i in node.inputs}
    yield from _expected("its size", [node.size], sorted(sizes - {1}) or [1])
    yield from _expected("truths of inputs and result", _truths(node), _fitting_truths(node))
    yield from _expected("attribute", node.attribute, None)


def _truths(node: Node) -> tuple[bool, ...]:
    return (*(i.truth for i in node.inputs), node.truth)


def _fitting_truths(node: Node) -> tuple[bool, ...]:
    if node.op in NUMBERS:
        return (False,) * (len(node.inputs) + 1)
    if node.op == "number":
        return True, False
    if node.op == "where":
        return True, node.truth, node.truth, node.truth
    return (*[node.op in {"and", "or", "not"}] * len(node.inputs), True)


def _of_leaf(node: Node) -> Iterator[str]:
    yield from _expected("number of inputs", len(node.inputs), 0)
    if not isinstance(node.attribute, Leaf) or node.attribute.kind not in LEAF_KINDS:
        yield f"attribute is {node.attribute!r}; expected a Leaf of kind {', '.join(sorted(LEAF_KINDS))}"
    elif node.attribute.kind == "flag":
        yield from _expected("a flag's size and truth", (node.size, node.truth), (1, True))


def _of_vector(node: Node) -> Iterator[str]:
    yield from _expected("truths of inputs and result", _truths(node), (False,))
    yield from _of_view(node.attribute, (node.size,))


def _of_constant(node: Node) -> Iterator[str]:
    yield from _expected("inputs and size", (node.inputs, node.size), ((), 1))
    yield from _expected("type of attribute", type(node.attribute), float)


def _of_slice(node: Node) -> Iterator[str]:
    yield from _of_feature(node, inputs=1)
    if type(node.attribute) is not int or not 0 <= node.attribute <= node.inputs[0].size - node.size:
        yield f"features from {node.attribute!r} on, {node.size} of them, of a value with {node.inputs[0].size}"


def _of_cat(node: Node) -> Iterator[str]:
    yield from _of_feature(node, inputs=max(1, len(node.inputs)))
    yield from _expected("its size", node.size, sum(i.size for i in node.inputs))


def _of_spread(node: Node) -> Iterator[str]:
    yield from _of_feature(node, inputs=1)
    yield from _expected("size of its input", node.inputs[0].size, 1)


def _of_runs(node: Node) -> Iterator[str]:
    yield from _of_feature(node, inputs=1)
    yield from _expected("its truth", node.truth, False)
    narrow, wide = (node.inputs[0].size, node.size) if node.op == "repeat" else (node.size, node.inputs[0].size)
    if narrow < 2 or wide <= narrow or wide % narrow:
        yield f"{wide} features for {narrow} in runs; expected a multiple of 2 and more"
    if type(node.attribute) is not int or node.attribute < 1 or narrow % node.attribute:
        yield f"runs of {node.attribute!r}; expected a divisor of {narrow}"


def _of_total(node: Node) -> Iterator[str]:
    yield from _of_feature(node, inputs=1)
    yield from _expected("its size and truth", (node.size, node.truth), (1, False))
    if node.op != "sum" and not node.inputs[0].size:
        yield "nothing has no largest"


def _of_lookup(node: Node) -> Iterator[str]:
    yield from _expected("number of inputs", len(node.inputs), 1)
    yield from _expected("truths of inputs and result", _truths(node), (False, False))
    yield from _expected("size of its index", node.inputs[0].size, 1)
    if not isinstance(node.attribute, View) or len(node.attribute.shape) != 2 or not node.attribute.shape[0]:
        yield f"attribute is {node.attribute!r}; expected a View of rows"
        return
    yield from _of_view(node.attribute, (node.attribute.shape[0], node.size))


def _of_feature(node: Node, inputs: int) -> Iterator[str]:
    yield from _expected("number of inputs", len(node.inputs), inputs)
    yield from _expected("truths of inputs and result", _truths(node), (node.truth,) * (inputs + 1))


def _of_affine(node: Node) -> Iterator[str]:
    if not isinstance(node.attribute, tuple) or not node.attribute:
        yield f"attribute is {node.attribute!r}; expected a view for each product"
        return
    if len(node.inputs) - len(node.attribute) not in {0, 1}:
        yield f"{len(node.inputs)} inputs for {len(node.attribute)} products; expected as many, and perhaps a start"
    yield from _expected("truths of inputs and result", _truths(node), (False,) * (len(node.inputs) + 1))
    for value, view in products(node):
        yield from _of_view(view, (value.size, node.size))
    start = start_of(node)
    if start is not None:
        yield from _expected("size of its start", start.size, node.size)


def _of_view(view: object, shape: tuple[int, ...]) -> Iterator[str]:
    if not isinstance(view, View):
        yield f"attribute is {view!r}; expected a View"
        return
    yield from _expected(f"shape of {view}", view.shape, shape)
    yield from _expected(f"number of strides of {view}", len(view.strides), len(shape))
    if any(type(n) is not int or n < 0 for n in (view.offset, *view.strides)):
        yield f"{view} begins or goes on outside of whole numbers from 0 on"


_BY_OP: dict[str, Callable[[Node], Iterator[str]]] = {
    "leaf": _of_leaf,
    "vector": _of_vector,
    "constant": _of_constant,
    "slice": _of_slice,
    "cat": _of_cat,
    "spread": _of_spread,
    "sum": _of_total,
    "max": _of_total,
    "argmax": _of_total,
    "repeat": _of_runs,
    "fold_sum": _of_runs,
    "fold_max": _of_runs,
    "affine": _of_affine,
    "lookup": _of_lookup,
}
