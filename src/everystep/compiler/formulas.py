"""Values of a step as formulas that a person reads: ``c' = forget * c + input * candidate``."""

from __future__ import annotations

from collections.abc import Mapping

from everystep.compiler import ir
from everystep.compiler.ir import Node, View

_INFIX = {
    "or": ("or", 1), "and": ("and", 2), "lt": ("<", 4), "le": ("<=", 4), "eq": ("==", 4),
    "add": ("+", 5), "sub": ("-", 5), "mul": ("*", 6), "div": ("/", 6), "pow": ("**", 8),
}  # fmt: skip
_RUNS = {"repeat": "repeat", "fold_sum": "sum", "fold_max": "max"}
_SUM, _PREFIX, _ATOM = 5, 7, 9
_PRODUCT = 5.5  # a * (x @ W): without parentheses this would be (a * x) @ W


class Formulas:
    """Writes values down.

    Args:
        shapes: Of parameters, by name, as far as they are known.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.shapes = shapes
        self.names: dict[Node, str] = {}  # of what has a line of its own, or was given

    def of(self, node: Node) -> str:
        """How a value is computed."""
        return self._written(node)[0]

    def use(self, node: Node) -> str:
        """A value where it is used: its name, or how it is computed."""
        return self._used(node, 0)

    def _used(self, node: Node, binding: float) -> str:
        """An operand, in parentheses where it binds less than what it stands in."""
        if node in self.names:
            return self.names[node]
        text, own = self._written(node)
        return f"({text})" if own < binding else text

    def _written(self, node: Node) -> tuple[str, float]:
        if node.op in _INFIX:
            sign, binding = _INFIX[node.op]
            first, second = node.inputs
            tighter = binding + (node.op not in {"add", "mul", "and", "or"})  # a - (b - c)
            return f"{self._used(first, binding)} {sign} {self._used(second, tighter)}", binding
        if node.op in {"neg", "not"}:
            return f"{'-' if node.op == 'neg' else 'not '}{self._used(node.inputs[0], _PREFIX)}", _PREFIX
        if node.op == "affine":
            return self._affine(node), _SUM if len(node.inputs) > 1 else _PRODUCT
        if node.op in {"spread", "number"}:
            return self._written_or_named(node.inputs[0])
        return self._atom(node), _ATOM

    def _written_or_named(self, node: Node) -> tuple[str, float]:
        return (self.names[node], _ATOM) if node in self.names else self._written(node)

    def _affine(self, node: Node) -> str:
        start = ir.start_of(node)
        first = [] if start is None else [self._used(start, _SUM)]
        return " + ".join([*first, *(f"{self._used(v, _ATOM)} @ {look(w, self.shapes)}" for v, w in ir.products(node))])

    def _atom(self, node: Node) -> str:
        if node.op == "constant":
            return str(bool(node.attribute)).lower() if node.truth else f"{node.attribute:.6g}"
        if node.op == "vector":
            return look(node.attribute, self.shapes)
        if node.op == "lookup":
            return f"{look(node.attribute, self.shapes)}[{self.use(node.inputs[0])}]"
        if node.op == "slice":
            low = node.attribute
            return f"{self._used(node.inputs[0], _ATOM)}[{low}:{low + node.size}]"
        return f"{_RUNS.get(node.op, node.op)}({', '.join([*map(self.use, node.inputs), *_runs(node)])})"


def _runs(node: Node) -> list[str]:
    """How often, and runs of how many features, where that is neither one nor all of them."""
    if node.op not in _RUNS:
        return []
    times, run = ir.times_of(node), node.attribute
    narrow = min(node.size, node.inputs[0].size)
    told = {
        1: "each {}" if node.op == "repeat" else "groups of {}",
        narrow: "{} times" if node.op == "repeat" else "across {}",
    }
    return [told[run].format(times)] if run in told else [f"{times} x {run}"]


def look(view: View, shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Write a look at a parameter as the slice that it is: ``W[8:16].T`` for eight rows of W, transposed."""
    shape = shapes.get(view.root)
    if shape is not None and len(shape) == len(view.shape) == 1 and view.strides == (1,):
        return view.root + _ranges([(view.offset, view.shape[0], shape[0])])
    if shape is not None and len(shape) == len(view.shape) == 2:
        plain, turned = _block(view, shape), _block(view.transposed, shape)
        if plain is not None:
            return view.root + plain
        if turned is not None:
            return f"{view.root}{turned}.T"
    return str(view)


def _block(view: View, shape: tuple[int, ...]) -> str | None:
    """The ranges of rows and columns of a dense matrix that are looked at, if that is what a view does."""
    columns = max(1, shape[1])
    row, column = divmod(view.offset, columns)
    strides_fit = all(
        n == 1 or stride == own for n, stride, own in zip(view.shape, view.strides, (columns, 1), strict=True)
    )
    if not strides_fit or row + view.shape[0] > shape[0] or column + view.shape[1] > shape[1]:
        return None
    return _ranges([(row, view.shape[0], shape[0]), (column, view.shape[1], shape[1])])


def _ranges(axes: list[tuple[int, int, int]]) -> str:
    """``[8:16]``, ``[:, 2:4]``, or nothing for all of it."""
    written = [":" if n == all_ else f"{low}:{low + n}" for low, n, all_ in axes]
    while written and written[-1] == ":":
        written.pop()
    return f"[{', '.join(written)}]" if written else ""
