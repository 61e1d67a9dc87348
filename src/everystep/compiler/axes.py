"""Where the features of a tensor of the step lie: the batch axis is taken out, the other axes are kept.

A tensor of the step has one batch axis, anywhere, and it may be merged with features before and after it, as in
(batch * heads, n). ``Value.look`` has the tensor's axes with the batch axis replaced by two: features before it and
features after it. For a computed value the look holds places in the flat features of its store; for a parameter, or
what is computed from parameters alone, the look is a strided view of that very tensor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from everystep.compiler import ir, runs
from everystep.compiler.ir import Node
from everystep.compiler.trace_refuse import RUN_AS_IT_IS, TraceError, mixes_rows, refusal

PIECES = 4096  # a rearrangement of more pieces is refused: each piece is a node


@dataclass(eq=False, slots=True)
class Computed:
    """Features that belong to a row; a write changes the node, and every look at it sees that."""

    node: Node
    kept: str = ""  # why nothing may be written here


@dataclass(eq=False, slots=True)
class Fixed:
    """A tensor that is the same for all rows: a root, or made from roots and constants alone."""

    origin: Tensor
    root: str = ""  # its name, where it is a root
    depends: bool = True  # on a root, not on constants alone
    used: bool = False  # the graph looks at it: no write may follow


@dataclass(eq=False, slots=True)
class Value:
    """A tensor of the step."""

    store: Computed | Fixed
    look: Tensor
    batch: int | None  # the axis of the tensor that holds the batch

    @property
    def ndim(self) -> int:
        """Axes of the tensor."""
        return self.look.ndim - (self.batch is not None)

    def shape(self, rows: int) -> tuple[int, ...]:
        """The tensor's shape for a number of rows."""
        shape = tuple(self.look.shape)
        if self.batch is None:
            return shape
        d = self.batch
        return (*shape[:d], shape[d] * rows * shape[d + 1], *shape[d + 2 :])

    def place(self, axis: int) -> int:
        """The axis of the look for an axis of the tensor other than the batch."""
        axis %= max(self.ndim, 1)
        return axis + (self.batch is not None and axis > self.batch)

    def is_batch(self, axis: int) -> bool:
        """Whether an axis holds the batch."""
        return self.batch is not None and axis % max(self.ndim, 1) == self.batch

    def seen(self, look: Tensor, batch: int | None) -> Value:
        """The same store looked at in another way."""
        return Value(self.store, look, batch)


def computed(node: Node, shape: Sequence[int], batch: int | None, kept: str = "") -> Value:
    """A value whose features lie in the order of its axes; ``shape`` is that of the look."""
    shape = torch.Size(shape)
    size = shape.numel()
    if node.size != size:
        node = ir.spread(node, size, node.where) if size else ir.slice_of(node, 0, 0)
    return Value(Computed(node, kept), torch.arange(size).view(shape), batch)


def features(value: Value, where: str) -> Node:
    """All features of a computed value as one node, in the order of its axes."""
    return gather((_node(value),), value.look, where)


def one_or_all(value: Value, shape: torch.Size, order: Sequence[int], where: str) -> Node:
    """As :func:`features` for a wider look, its axes in an order; a single feature stays single, as it spreads."""
    node = _node(value)
    if node.op == "spread" and value.look.numel():
        return node.inputs[0]
    return gather((node,), value.look if value.look.numel() == 1 else value.look.expand(shape).permute(*order), where)


def order_of(values: Sequence[Value], shape: torch.Size) -> list[int]:
    """The order of axes in which features are computed: as they lie in memory where they are many."""
    plain = list(range(len(shape)))
    looks = [value.look for value in values if value.look.numel() > 1]
    if shape.numel() <= runs.FEW or all(_is_plain(look) for look in looks):
        return plain
    return runs.in_memory(looks, len(shape))


def _is_plain(look: Tensor) -> bool:
    """Whether the axes of a look go through memory in their order."""
    strides = [axis.stride for axis in runs.axes_of(look) or [] if axis.stride]
    return all(one > other for one, other in pairwise(strides))


def ordered(node: Node, shape: torch.Size, order: Sequence[int], batch: int | None) -> Value:
    """A computed value whose features lie in another order of its axes."""
    made = computed(node, [shape[d] for d in order], batch)
    back = sorted(range(len(order)), key=lambda n: order[n])
    return made.seen(made.look.permute(*back), batch)


def _node(value: Value) -> Node:
    assert isinstance(value.store, Computed)
    return value.store.node


def gather(nodes: tuple[Node, ...], look: Tensor, where: str) -> Node:
    """The features that a look names, of nodes laid end to end."""
    index: list[int] = look.reshape(-1).tolist()
    if (
        len(nodes) == 1
        and index
        and index[-1] - index[0] == len(index) - 1
        and index == [*range(index[0], index[-1] + 1)]
    ):
        return ir.slice_of(nodes[0], index[0], len(index), where)
    if not index:
        return ir.slice_of(nodes[0], 0, 0, where)
    found = runs.repeated(nodes[0], look, where) if len(nodes) == 1 else None
    if found is not None:
        return found
    starts = [0]
    for node in nodes:
        starts.append(starts[-1] + node.size)
    pieces = [_piece(nodes, starts, low, size, step, where) for low, size, step in _runs(index, set(starts))]
    if len(pieces) > PIECES:
        raise refusal(where, f"features are rearranged in {len(pieces)} pieces", f"keep their order, or {RUN_AS_IT_IS}")
    return ir.cat(pieces, where)


def _piece(nodes: tuple[Node, ...], starts: list[int], low: int, size: int, step: int, where: str) -> Node:
    which = next(k for k in reversed(range(len(nodes))) if starts[k] <= low and nodes[k].size)
    if step:
        return ir.slice_of(nodes[which], low - starts[which], size, where)
    return ir.spread(ir.slice_of(nodes[which], low - starts[which], 1, where), size, where)


def _runs(index: list[int], starts: set[int]) -> list[tuple[int, int, int]]:
    """Cut an index into (first, size, step) with step 1 or 0, no run crossing the start of a node."""
    runs: list[tuple[int, int, int]] = []
    first, size, step = index[0], 1, 1
    for i in index[1:]:
        if size == 1 and i == first:
            size, step = 2, 0
        elif i == first + size * step and (step == 0 or i not in starts):
            size += 1
        else:
            runs.append((first, size, step))
            first, size, step = i, 1, 1
    return [*runs, (first, size, step)]


def same_batch(values: Sequence[Value], where: str, name: str) -> tuple[int, int, tuple[int, int]] | None:
    """Where broadcast values have their batch: axis from the right, features before and after; None without one."""
    found = {
        (v.ndim - v.batch, *_around(v)): v
        for v in values
        if v.batch is not None
    }  # fmt: skip
    if not found:
        return None
    if len(found) > 1:
        raise mixes_rows(where, name)
    ((from_right, before, after),) = found
    return from_right, max(v.ndim for v in values), (before, after)


def _around(value: Value) -> tuple[int, int]:
    assert value.batch is not None
    return value.look.shape[value.batch], value.look.shape[value.batch + 1]


def aligned(values: Sequence[Value], where: str, name: str) -> tuple[list[Value], torch.Size, int | None]:
    """Give values the same axes for an elementwise operation: the values, the shape of the result's look, its batch."""
    ndim = max(v.ndim for v in values)
    found = same_batch(values, where, name)
    batch = None if found is None else ndim - found[0]
    ready = [_with_axes(v, ndim, batch) for v in values]
    return ready, _broadcast([v.look.shape for v in ready]), batch


def _broadcast(shapes: Sequence[torch.Size]) -> torch.Size:
    """As torch.broadcast_shapes, which imports hundreds of modules, for shapes that torch has already joined."""
    return torch.Size(next((n for n in sizes if n != 1), 1) for sizes in zip(*shapes, strict=True))


def _with_axes(value: Value, ndim: int, batch: int | None) -> Value:
    look, own = value.look, value.batch
    missing = ndim - value.ndim
    if missing:
        look = look[(None,) * missing]
    if batch is not None and own is None:
        look = look.unsqueeze(batch)  # its one feature there, if any, is for every row
    return value.seen(look, batch)


def reshaped(value: Value, shape: Sequence[int], other: Sequence[int], rows: tuple[int, int], where: str) -> Value:
    """Look at a value in another shape, which is given for both numbers of rows."""
    batch = next((d for d, (a, b) in enumerate(zip(shape, other, strict=True)) if a != b), None)
    if value.batch is None or batch is None:
        if value.batch is not None or batch is not None:
            raise refusal(where, "a view drops or adds the batch axis", RUN_AS_IT_IS)
        return value.seen(value.look.reshape(tuple(shape)), None)
    ahead = math.prod(value.look.shape[: value.batch + 1])  # features before the batch, in order
    before, size = ahead, shape[batch] // rows[0]
    for d in shape[:batch]:
        if not d or before % d:
            raise _through_the_batch(where)
        before //= d
    if before == 0 or size % before or size * rows[0] != shape[batch]:
        raise _through_the_batch(where)
    look = value.look.reshape(*shape[:batch], before, size // before, *shape[batch + 1 :])
    return value.seen(look, batch)


def _through_the_batch(where: str) -> TraceError:
    return refusal(where, "a view cuts through the batch axis", f"keep the batch an axis of its own, or {RUN_AS_IT_IS}")


def permuted(value: Value, order: Sequence[int]) -> Value:
    """Look at a value with its axes in another order."""
    order = [d % value.ndim for d in order] if value.ndim else []
    if value.batch is None:
        return value.seen(value.look.permute(tuple(order)), None)
    places: list[int] = []
    for d in order:
        places += [d, d + 1] if d == value.batch else [value.place(d)]
    return value.seen(value.look.permute(places), order.index(value.batch))
