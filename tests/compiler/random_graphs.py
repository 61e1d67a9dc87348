"""Steps made at random: valid graphs over all operations, whose values stay where functions are smooth and bounded."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from hypothesis import strategies as st
from torch import Tensor

from everystep.compiler import ir
from everystep.compiler.ir import Graph, Leaf, Node, View

SIZES = (1, 2, 3, 5, 7, 13, 15, 16, 17)  # ones, primes, one vector width and its neighbours
WIDEST = 60
BOUND = 3.0  # of every value but truths; states are held to 1, so that they stay in bounds over many steps


class Sample(NamedTuple):
    """A step, what it is given (name and size; flags are truths), and what its views look at."""

    graph: Graph
    leaves: dict[Leaf, int]
    roots: dict[str, Tensor]  # float64, some of them a later part of a longer storage


def leaf_values(leaves: dict[Leaf, int], rows: int, seed: int = 0) -> dict[Leaf, Tensor]:
    """Numbers from -1 to 1 and truths by chance for every leaf, float64."""
    chance = torch.Generator().manual_seed(seed)

    def value(leaf: Leaf, size: int) -> Tensor:
        numbers = torch.rand(rows, size, generator=chance, dtype=torch.float64) * 2.0 - 1.0
        return numbers > 0.0 if leaf.kind == "flag" else numbers

    return {leaf: value(leaf, size) for leaf, size in leaves.items()}


class Bounded(NamedTuple):
    """A node whose values lie from -bound to bound."""

    node: Node
    bound: float


def _squared_and_one(a: Node) -> Node:
    return ir.make("add", ir.make("mul", a, a), ir.constant(1.0))


def _small_exponential(op: str) -> Callable[[Node, float], tuple[Node, float]]:
    return lambda a, m: (ir.make(op, ir.make("mul", a, ir.constant(1.0 / max(m, 1.0)))), math.e)


def _plain(op: str, bound: float | None = None) -> Callable[[Node, float], tuple[Node, float]]:
    return lambda a, m: (ir.make(op, a), m if bound is None else bound)


def _of_one_and_more(op: str, bound: Callable[[float], float]) -> Callable[[Node, float], tuple[Node, float]]:
    return lambda a, m: (ir.make(op, _squared_and_one(a)), bound(1.0 + m * m))


OF_ONE: dict[str, Callable[[Node, float], tuple[Node, float]]] = {
    **{op: _plain(op) for op in ("neg", "abs", "relu", "stop")},
    **{op: _plain(op, 1.0) for op in ("sign", "tanh", "sigmoid", "erf", "sin", "cos")},
    "floor": lambda a, m: (ir.make("floor", a), m + 1.0),
    "exp": _small_exponential("exp"),
    "expm1": _small_exponential("expm1"),
    "log": _of_one_and_more("log", math.log),
    "log1p": lambda a, m: (ir.make("log1p", ir.make("mul", a, a)), m),
    "sqrt": _of_one_and_more("sqrt", math.sqrt),
    "rsqrt": _of_one_and_more("rsqrt", lambda m: 1.0),
    "reciprocal": _of_one_and_more("reciprocal", lambda m: 1.0),
}
OF_TWO: dict[str, Callable[[Bounded, Bounded], tuple[Node, float]]] = {
    "add": lambda a, b: (ir.make("add", a.node, b.node), a.bound + b.bound),
    "sub": lambda a, b: (ir.make("sub", a.node, b.node), a.bound + b.bound),
    "mul": lambda a, b: (ir.make("mul", a.node, b.node), a.bound * b.bound),
    "div": lambda a, b: (ir.make("div", a.node, _squared_and_one(b.node)), a.bound),
    "pow": lambda a, b: (ir.make("pow", ir.make("sigmoid", a.node), b.node), (1.0 + math.exp(a.bound)) ** b.bound),
    "maximum": lambda a, b: (ir.make("maximum", a.node, b.node), max(a.bound, b.bound)),
    "minimum": lambda a, b: (ir.make("minimum", a.node, b.node), max(a.bound, b.bound)),
    "atan2": lambda a, b: (ir.make("atan2", a.node, _squared_and_one(b.node)), math.pi),
}
PRODUCTS = ("affine",) * 4  # as often as in steps that people write, or nearly
OVER_RUNS = ("repeat", "fold_sum", "fold_max", "attention")
OVER_FEATURES = ("slice", "cat", "spread", "sum", "max", "argmax", "lookup", "softmax", "normalized", *OVER_RUNS)
CHOOSING = ("lt", "le", "eq", "and", "or", "not", "number", "where")
EVERYTHING = (*OF_ONE, *OF_TWO, *OVER_FEATURES, *PRODUCTS, *CHOOSING)
KINKED = {"abs", "relu", "sign", "floor", "maximum", "minimum", "max", "argmax", "lookup", "fold_max", *CHOOSING}
SMOOTH = tuple(op for op in EVERYTHING if op not in KINKED)  # nothing jumps when a sum is rounded otherwise


class _Maker:
    """Makes one step, operation by operation, from a pool of values made so far."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.chance = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
        self.leaves: dict[Leaf, int] = {}
        self.roots: dict[str, Tensor] = {}
        self.views: dict[tuple[int, ...], View] = {}
        self.pool: list[Bounded] = []
        self.truths: list[Node] = []
        self.line = 0

    def given(self, kind: str, name: str) -> None:
        truth = kind == "flag"
        size = 1 if truth else self.draw(st.sampled_from(SIZES))
        node = ir.leaf(kind, name, size, truth=truth)
        self.leaves[node.attribute] = size
        if truth:
            self.truths.append(node)
        else:
            self.pool.append(Bounded(node, 1.0))

    def keep(self, node: Node, bound: float) -> Bounded:
        """Take a value into the pool, scaled down where it could grow large."""
        if bound > BOUND:
            node, bound = ir.make("mul", node, ir.constant(1.0 / bound)), 1.0
        self.pool.append(Bounded(node, bound))
        return self.pool[-1]

    def any(self) -> Bounded:
        newest_first = self.draw(st.integers(0, len(self.pool) - 1))
        return self.pool[-1 - newest_first]

    def partner(self, a: Bounded) -> Bounded:
        """Something that fits a value: of its size, or of one feature."""
        source = self.draw(st.sampled_from(("pool", "constant", "vector")))
        if source == "constant":
            value = self.draw(st.sampled_from((0.5, 2.0, -1.0, 0.0, 1.0)))
            return Bounded(ir.constant(value), abs(value))
        if source == "vector":
            return Bounded(ir.vector(self.view(self.draw(st.sampled_from((a.node.size, 1))))), 1.0)
        fitting = [b for b in self.pool if a.node.size in {b.node.size, 1} or b.node.size == 1]
        return fitting[-1 - self.draw(st.integers(0, len(fitting) - 1))]

    def view(self, *shape: int) -> View:
        """A look at a new parameter, or one that was looked at before."""
        if shape in self.views and self.draw(st.booleans()):
            return self.views[shape]
        name = f"W{len(self.roots)}" if len(shape) == 2 else f"b{len(self.roots)}"
        before, between = self.draw(st.sampled_from(((0, 0), (0, 3), (2, 0), (5, 1))))
        strides = (1,) if len(shape) == 1 else (shape[1] + between, 1)
        if len(shape) == 2 and self.draw(st.booleans()):  # (out, in), as torch.nn.Linear has it
            strides = (1, shape[0] + between)
        count = before + 1 + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
        skipped = self.draw(st.sampled_from((0, 4)))
        numbers = torch.rand(skipped + count, generator=self.chance, dtype=torch.float64) * 2.0 - 1.0
        self.roots[name] = (numbers / (shape[0] if len(shape) == 2 else 1))[skipped:]
        self.views[shape] = View(name, before, strides, shape)
        return self.views[shape]

    def product(self, size: int) -> Bounded:
        """One to three values times weights, perhaps on top of another."""
        values = [self.any() for _ in range(self.draw(st.integers(1, 3)))]
        bound = sum(value.bound for value in values)
        weights = [self.view(value.node.size, size) for value in values]
        start = self.draw(st.sampled_from(("none", "vector", "pool")))
        first = None
        if start != "none":
            fitting = [b for b in self.pool if b.node.size in {size, 1}] if start == "pool" else []
            chosen = fitting[-1] if fitting else Bounded(ir.vector(self.view(size)), 1.0)
            first, bound = chosen.node, bound + chosen.bound
        return self.keep(ir.affine([v.node for v in values], weights, first, self.where()), bound)

    def where(self) -> str:
        self.line += 1
        return f"cell.py:{self.line}"

    def sized(self, size: int, bound: float) -> Node:
        """A value of a size within a bound, for a part of the state."""
        fitting = [b for b in self.pool if b.node.size == size and b.node.op != "leaf"]
        found = fitting[-1] if fitting else self.product(size)
        return found.node if found.bound <= bound else ir.make("mul", found.node, ir.constant(bound / found.bound))

    def loose_ends(self, outputs: Iterable[Node]) -> list[Node]:
        """Values that nothing uses, oldest first."""
        used = {i for node in ir.sorted_nodes(b.node for b in self.pool) for i in node.inputs} | set(outputs)
        return [b.node for b in self.pool if b.node not in used and b.node.op != "leaf"]

    def grow(self, op: str) -> None:
        """Add one operation."""
        if op in OF_ONE:
            self.keep(*OF_ONE[op](*self.any()))
        elif op in OF_TWO:
            a = self.any()
            self.keep(*OF_TWO[op](a, self.partner(a)))
        elif op in {*OVER_FEATURES, *PRODUCTS}:
            getattr(self, f"grow_{op}")()
        else:
            self.grow_choice(op)

    def grow_affine(self) -> None:
        self.product(self.draw(st.sampled_from(SIZES)))

    def grow_slice(self) -> None:
        a = self.any()
        low = self.draw(st.integers(0, a.node.size - 1))
        size = self.draw(st.integers(1, a.node.size - low))
        self.keep(ir.slice_of(a.node, low, size), a.bound)

    def grow_cat(self) -> None:
        parts = [self.any() for _ in range(self.draw(st.integers(2, 4)))]
        while sum(part.node.size for part in parts) > WIDEST:
            parts.pop()
        if parts:
            self.keep(ir.cat(part.node for part in parts), max(part.bound for part in parts))

    def grow_spread(self) -> None:
        narrow = [b for b in self.pool if b.node.size == 1]
        if narrow:
            self.keep(ir.spread(narrow[-1].node, self.draw(st.sampled_from(SIZES))), narrow[-1].bound)

    def grow_sum(self) -> None:
        a = self.any()
        self.keep(ir.reduce("sum", a.node), a.bound * a.node.size)

    def grow_max(self) -> None:
        a = self.any()
        self.keep(ir.reduce("max", a.node), a.bound)

    def grow_argmax(self) -> None:
        index, choices = self.index()
        self.keep(index, choices - 1.0)

    def grow_lookup(self) -> None:
        index, choices = self.index()
        table = self.view(choices + self.draw(st.integers(0, 2)), self.draw(st.sampled_from(SIZES)))
        self.keep(ir.lookup(index, table, self.where()), 1.0)

    def index(self) -> tuple[Node, int]:
        """Which feature is the largest, never one of two that rounding could exchange; of how many."""
        a = self.any().node
        return ir.reduce("argmax", ir.make("add", a, ir.vector(self.view(a.size))), self.where()), a.size

    def runs_of(self, size: int) -> int:
        return self.draw(st.sampled_from([run for run in range(1, size + 1) if size % run == 0]))

    def grow_repeat(self) -> None:
        a = self.any()
        most = WIDEST // a.node.size
        if most > 1:
            times = self.draw(st.integers(2, min(most, 9)))
            self.keep(ir.repeat(a.node, times, self.runs_of(a.node.size)), a.bound)

    def grow_fold_sum(self) -> None:
        self.fold("sum")

    def grow_fold_max(self) -> None:
        self.fold("max")

    def fold(self, op: str) -> None:
        foldable = [b for b in self.pool if b.node.size > 1]
        if foldable:
            a = foldable[-1 - self.draw(st.integers(0, len(foldable) - 1))]
            times = self.draw(st.sampled_from([n for n in range(2, a.node.size + 1) if a.node.size % n == 0]))
            run = self.runs_of(a.node.size // times)
            self.keep(ir.fold(op, a.node, times, run), a.bound * (times if op == "sum" else 1))

    def grow_attention(self) -> None:
        """Weights that a value makes of the places of another one, and the sum of its places by these weights."""
        wide = [b for b in self.pool if any(b.node.size % n == 0 for n in range(2, b.node.size))]
        if not wide:
            return
        memory = wide[-1 - self.draw(st.integers(0, len(wide) - 1))]
        places = self.draw(st.sampled_from([n for n in range(2, memory.node.size) if memory.node.size % n == 0]))
        size = memory.node.size // places
        query = ir.repeat(self.sized(size, 1.0), places, size)
        scores = ir.fold("sum", ir.make("tanh", ir.make("add", query, memory.node)), size, 1)
        powers = ir.make("exp", ir.make("mul", scores, ir.constant(1.0 / size)))
        weights = ir.make("div", powers, ir.reduce("sum", powers))
        looked = ir.make("mul", ir.repeat(weights, size, 1), memory.node)
        self.keep(ir.fold("sum", looked, places, size, self.where()), memory.bound)

    def grow_softmax(self) -> None:
        a = self.any().node
        powers = ir.make("exp", ir.make("sub", a, ir.make("stop", ir.reduce("max", a))))
        self.keep(ir.make("div", powers, ir.reduce("sum", powers)), 1.0)

    def grow_normalized(self) -> None:
        """Layer normalisation, with so large an epsilon that it stays smooth."""
        a = self.any().node
        share = ir.constant(1.0 / a.size)
        centred = ir.make("sub", a, ir.make("mul", ir.reduce("sum", a), share))
        variance = ir.make("mul", ir.reduce("sum", ir.make("mul", centred, centred)), share)
        scale = ir.make("rsqrt", ir.make("add", variance, ir.constant(0.1)))
        self.keep(ir.make("mul", centred, scale), math.sqrt(a.size))

    def grow_choice(self, op: str) -> None:
        if op in {"lt", "le", "eq"} or not self.truths:
            a = self.any()
            compared = op if op in {"lt", "le", "eq"} else "lt"
            self.truths.append(ir.make(compared, a.node, self.partner(a).node))
        truth = self.truths[-1]
        if op == "not":
            self.truths.append(ir.make("not", truth))
        elif op in {"and", "or"}:
            fitting = [t for t in self.truths if truth.size in {t.size, 1} or t.size == 1]
            self.truths.append(ir.make(op, truth, self.draw(st.sampled_from(fitting))))
        elif op == "number":
            self.keep(ir.make("number", truth), 1.0)
        elif op == "where":
            self.grow_where(truth)

    def grow_where(self, truth: Node) -> None:
        fitting = [b for b in self.pool if truth.size in {b.node.size, 1} or b.node.size == 1]
        a = self.draw(st.sampled_from(fitting)) if fitting else Bounded(ir.constant(1.0), 1.0)
        size = max(truth.size, a.node.size)
        b = next((b for b in self.pool if b.node.size in {size, 1}), Bounded(ir.constant(0.5), 0.5))
        self.keep(ir.make("where", truth, a.node, b.node), max(a.bound, b.bound))


@st.composite
def graphs(draw: st.DrawFn, ops: Sequence[str] = EVERYTHING, most: int = 12, most_taps: int = 3) -> Sample:
    """Steps of up to ``most`` of these operations; what no output uses is tapped, the newest ``most_taps`` of it."""
    maker = _Maker(draw)
    parts = ["h", "c", "m"][: draw(st.integers(1, 3))]
    for name in parts:
        maker.given("state", name)
    maker.given("x", "x")
    for kind in draw(st.lists(st.sampled_from(("x", "row", "flag", "value")), max_size=2, unique=True)):
        maker.given(kind, f"another {kind}")
    for op in draw(st.lists(st.sampled_from(tuple(ops)), min_size=1, max_size=most)):
        maker.grow(op)
    outputs = {f"state:{name}": maker.sized(maker.leaves[Leaf("state", name)], 1.0) for name in parts}
    outputs["y"] = maker.pool[-1].node
    outputs.update(
        {f"tap:{number}": node for number, node in enumerate(maker.loose_ends(outputs.values())[-most_taps:])}
    )
    return Sample(Graph(outputs), maker.leaves, maker.roots)
