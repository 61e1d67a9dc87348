"""Trace a step: run it twice on a few rows, and write what it does to a row as a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from everystep.compiler import (
    ir,
    lower_attention,
    lower_elementwise,
    lower_features,
    lower_indices,
    lower_made,
    lower_products,
    lower_views,
)
from everystep.compiler.axes import Computed, Fixed, Value, computed, gather
from everystep.compiler.ir import Graph, Leaf
from everystep.compiler.lower import Lowering
from everystep.compiler.trace_compare import check_same
from everystep.compiler.trace_prepare import Prepare
from everystep.compiler.trace_record import record, undisturbed
from everystep.compiler.trace_refuse import TraceError, refusal, unknown_use

__all__ = ["Asked", "Root", "TraceError", "Traced", "trace"]

Shape = tuple[int, ...]
StepCall = Callable[
    [tuple[Tensor, ...], dict[str, Tensor], dict[str, Tensor], int], tuple[Any, Tensor, Mapping[str, Tensor]]
]

TABLE = {**lower_elementwise.ROWS, **lower_views.ROWS, **lower_made.ROWS, **lower_features.ROWS, **lower_products.ROWS}
TABLE |= lower_attention.ROWS | lower_indices.ROWS

FEATURES = 65536  # a value of more is refused: a row must fit into the cache of a core
NODES = 20000


class Asked(NamedTuple):
    """What a step is given: shapes without the batch axis.

    In the shape of a context value None stands for the batch axis where that is not the first; its leaf holds the
    features of a row, the other axes in their order.
    """

    state: Mapping[str, Shape]
    x: Mapping[str, tuple[Shape, torch.dtype]]
    context: Mapping[str, tuple[tuple[int | None, ...], torch.dtype]]
    dtype: torch.dtype

    def batch_axis(self, leaf: Leaf) -> int:
        """Where a tensor that the step is given has its batch."""
        shape = self.context[leaf.name][0] if leaf.kind == "row" else ()
        return shape.index(None) if None in shape else 0


class Root(NamedTuple):
    """What a trace took for granted about a parameter or buffer."""

    shape: Shape
    strides: Shape
    dtype: torch.dtype
    requires_grad: bool


@dataclass(frozen=True)
class Traced:
    """A step as a graph.

    Attributes:
        graph: What one row goes through.
        shapes: The shape of each output without the batch axis.
        indices: The outputs that are indices, int64.
        roots: What the graph, or what is prepared for it, reads.
        prepare: ``prepare({root: tensor}, dtype)`` gives ``{name: tensor}`` for every name that a View of the graph
            has; done by torch, under autograd where that is on. The dtype is that of the step unless given.
    """

    graph: Graph
    shapes: Mapping[str, Shape]
    indices: frozenset[str]
    roots: Mapping[str, Root]
    prepare: Prepare


def trace(call: StepCall, asked: Asked, roots: Mapping[str, Tensor]) -> Traced:
    """Write a step as a graph.

    Args:
        call: ``call(parts, streams, context, rows)`` gives the parts after the step, y and the taps.
        asked: Names and shapes of what the step is given.
        roots: Every tensor that the step may read besides, by name: parameters, buffers, tensors of closures.

    Returns:
        The graph, with outputs ``state:NAME``, ``y`` and ``tap:NAME``.

    Raises:
        TraceError: The step can't be compiled.
    """
    roots = {name: value for name, value in roots.items() if value.layout == torch.strided and not value.is_quantized}
    with undisturbed():
        return _traced(call, asked, roots, _two_primes(asked, roots))


def _traced(call: StepCall, asked: Asked, roots: Mapping[str, Tensor], rows: tuple[int, int]) -> Traced:
    first, second = (_given(asked, count) for count in rows)
    calls, result = record(lambda: called(call, first, rows[0]), _kept(first, roots))
    others, other = record(lambda: called(call, second, rows[1]), _kept(second, roots))
    check_same(calls, others, rows, (list(first.values()), list(second.values())))
    with torch.no_grad():
        lowering = Lowering(_known(first, asked, roots), rows, asked.dtype, TABLE)
        for one, same in zip(calls, others, strict=True):
            try:
                lowering.take(one, same)
            except TraceError:
                raise
            except Exception as error:
                raise unknown_use(one.where, one.name, error) from error
        return _finished(lowering, result, other, roots)


def _kept(given: Mapping[Leaf, Tensor], roots: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What the step may not write to, as it is told."""
    forms = {"state": "the state's {}", "x": "x.{}", "row": "context.{}"}
    told = {forms[leaf.kind].format(leaf.name).replace("x.x", "x"): value for leaf, value in given.items()}
    return {**roots, **told}


def _two_primes(asked: Asked, roots: Mapping[str, Tensor]) -> tuple[int, int]:
    sizes = {n for shape in asked.state.values() for n in shape}
    sizes |= {n for shape, _ in asked.x.values() for n in shape}
    sizes |= {n for shape, _ in asked.context.values() for n in shape if n is not None}
    sizes |= {n for value in roots.values() for n in value.shape}
    found = [p for p in (5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47) if all(n % p or not n for n in sizes)]
    return (found[0], found[1]) if len(found) > 1 else (53, 59)


def _given(asked: Asked, rows: int) -> dict[Leaf, Tensor]:
    shapes: dict[Leaf, tuple[tuple[int | None, ...], torch.dtype]] = {}
    shapes |= {Leaf("state", name): ((None, *shape), asked.dtype) for name, shape in asked.state.items()}
    shapes |= {Leaf("x", name): ((None, *shape), dtype) for name, (shape, dtype) in asked.x.items()}
    for name, (shape, dtype) in asked.context.items():
        shapes[Leaf("row", name)] = (shape if None in shape else (None, *shape), dtype)
    return {leaf: _numbers(shape, dtype, rows, leaf) for leaf, (shape, dtype) in shapes.items()}


def _numbers(shape: tuple[int | None, ...], dtype: torch.dtype, rows: int, leaf: Leaf) -> Tensor:
    """Some values between 0 and 1, which every common function is defined on."""
    size = torch.Size(rows if n is None else n for n in shape)
    if dtype == torch.bool:
        return (torch.arange(size.numel()) % 2 == 0).view(size)
    if not dtype.is_floating_point:
        kind = str(dtype).removeprefix("torch.")
        raise TraceError(
            f"{leaf.kind} {leaf.name} is {kind}; only floating numbers and bool are compiled. Pass x.to(torch.float32)."
        )
    return torch.linspace(0.2, 0.8, max(size.numel(), 1), dtype=dtype)[: size.numel()].view(size)


def called(call: StepCall, given: Mapping[Leaf, Tensor], rows: int) -> dict[str, Tensor]:
    """Take one step and give its outputs by name."""
    kinds: dict[str, dict[str, Tensor]] = {"state": {}, "x": {}, "row": {}}
    for leaf, value in given.items():
        kinds[leaf.kind][leaf.name] = value
    parts, y, taps = call(tuple(kinds["state"].values()), kinds["x"], kinds["row"], rows)
    outputs = {f"state:{name}": part for name, part in zip(kinds["state"], parts, strict=True)}
    return outputs | {"y": y} | {f"tap:{name}": value for name, value in taps.items()}


def _known(given: Mapping[Leaf, Tensor], asked: Asked, roots: Mapping[str, Tensor]) -> dict[int, Value]:
    known = {id(value): Value(Fixed(value, name), value.detach(), None) for name, value in roots.items()}
    names = {"state": "the state", "x": "x", "row": "the context"}
    for leaf, value in given.items():
        batch = asked.batch_axis(leaf)
        sizes = [*value.shape[:batch], 1, 1, *value.shape[batch + 1 :]]
        node = ir.leaf(leaf.kind, leaf.name, torch.Size(sizes).numel(), truth=value.dtype == torch.bool)
        known[id(value)] = computed(node, sizes, batch, names[leaf.kind])
    return known


def _finished(
    low: Lowering, result: Mapping[str, Tensor], other: Mapping[str, Tensor], roots: Mapping[str, Tensor]
) -> Traced:
    if result.keys() != other.keys():
        raise TraceError("the step taps other names for another number of rows; use the same taps each time.")
    outputs, shapes = {}, {}
    for name, value in result.items():
        outputs[name] = _output(low, name, value)
        shapes[name] = tuple(value.shape[1:])
    graph = Graph(outputs)
    if len(graph.nodes()) > NODES:
        raise refusal("", f"one step takes {len(graph.nodes())} operations", f"at most {NODES} are compiled")
    prepare = low.prepared.finished(roots)
    names = low.prepared.read(roots)
    seen = {
        name: Root(tuple(v.shape), v.stride(), v.dtype, v.requires_grad) for name, v in roots.items() if name in names
    }
    indices = frozenset(name for name, value in result.items() if value.dtype == torch.int64)
    return Traced(graph, shapes, indices, seen, prepare)


def _output(low: Lowering, name: str, tensor: Tensor) -> ir.Node:
    value = low.values.get(id(tensor))
    if value is None:
        raise TraceError(f"{name} is a tensor that the step did not compute; compute it in the step from state and x.")
    value = low.lifted(value)
    look = value.look
    if value.batch is None or value.batch != 0 or look.shape[:2] != (1, 1):
        raise TraceError(f"{name} does not have the batch as its first axis.")
    assert isinstance(value.store, Computed)
    node = gather((value.store.node,), look, "")
    if node.size > FEATURES:
        raise TraceError(f"{name} has {node.size} features a row; at most {FEATURES} are compiled.")
    if (node.truth or tensor.dtype == torch.int64) and not name.startswith("tap:"):
        kind = str(tensor.dtype).removeprefix("torch.")
        raise TraceError(f"{name} is {kind}; a step gives floating numbers.")
    return node
