"""From recorded aten calls to the graph: what depends on a row becomes nodes, the rest is left for torch to prepare."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from everystep.compiler import ir
from everystep.compiler.axes import (
    Computed,
    Fixed,
    Value,
    aligned,
    computed,
    features,
    gather,
    one_or_all,
    order_of,
    ordered,
)
from everystep.compiler.indices import choices
from everystep.compiler.ir import Node, View
from everystep.compiler.trace_prepare import Preparation
from everystep.compiler.trace_record import Call, storage_of, written_arguments
from everystep.compiler.trace_refuse import RUN_AS_IT_IS, TraceError, mixes_rows, refusal, unknown_op, unknown_tensor

Row = Callable[..., Value | Sequence[Value]]

# Made from nothing: a tensor among their arguments gives only shape and dtype.
_MADE = {
    "zeros_like", "ones_like", "full_like", "empty_like", "new_zeros", "new_ones", "new_full", "new_empty",
    "new_empty_strided",
}  # fmt: skip
_COPIES_THE_LOOK = {"detach"}  # a view to torch, but one that gradients may not go through


class Lowering:
    """Goes through the calls of a step once.

    Args:
        values: What is known before the first call: leaves and roots, by the identity of their tensor.
        rows: The two numbers of rows that the step was recorded on.
        dtype: What the step computes in.
        table: One row per operation.
    """

    def __init__(
        self, values: Mapping[int, Value], rows: tuple[int, int], dtype: torch.dtype, table: Mapping[str, Row]
    ) -> None:
        self.values = dict(values)
        self.rows = rows
        self.dtype = dtype
        self.prepared = Preparation(dtype)
        self.where = ""
        self.name = ""
        self.shapes: list[tuple[tuple[int, ...], tuple[int, ...]]] = []  # of the results, for both numbers of rows
        self.grad = True
        self._table = table

    def take(self, call: Call, other: Call) -> None:
        """Lower one call, recorded on both numbers of rows."""
        self.where, self.name, self.grad = call.where, call.name, call.grad
        self.shapes = [(tuple(a.shape), tuple(b.shape)) for a, b in zip(call.outs, other.outs, strict=True)]
        if call.name == "detach" and id(call.args[0]) not in self.values:
            return  # torch keeps a result of its own for the backward pass
        if self._is_fixed(call):
            self._fix(call)
            return
        row = self._table.get(call.name)
        if row is None:
            raise unknown_op(call.where, call.op)
        keywords = {k: self._argument(v) for k, v in call.kwargs.items() if k != "out"}
        results = row(self, *map(self._argument, call.args), **keywords)
        written = written_arguments(call.op)
        results = [results] if isinstance(results, Value) else list(results)
        if written:
            target = call.kwargs[written[0]] if isinstance(written[0], str) else call.args[written[0]]
            self._write(self._argument(target), results[0])
            return
        for value, out in zip(results, call.outs, strict=False):
            self.values[id(out)] = self._checked(value, out)

    # -- what depends on no row

    def _is_fixed(self, call: Call) -> bool:
        inputs = () if call.name in _MADE else call.tensors()
        known = all(self._look_up(t) is None or self._batchless(t) for t in inputs)
        return known and all(a == b for a, b in self.shapes)

    def _batchless(self, tensor: Tensor) -> bool:
        value = self.values[id(tensor)]
        return isinstance(value.store, Fixed) and value.batch is None

    def _fix(self, call: Call) -> None:
        inputs = [] if call.name in _MADE else [self._argument(t) for t in call.tensors()]
        depends = any(isinstance(v.store, Fixed) and v.store.depends for v in inputs)
        for place in written_arguments(call.op):
            target = self._argument(call.kwargs[place] if isinstance(place, str) else call.args[place])
            assert isinstance(target.store, Fixed)
            if target.store.used:
                raise self.refusal(f"{self.name} writes to a value that was used before", "write before it is used")
            target.store.depends |= depends
        self.prepared.add(call)
        for out in call.outs:
            if id(out) not in self.values:
                self.values[id(out)] = Value(self._store_of(call, out, depends), out, None)

    def _store_of(self, call: Call, out: Tensor, depends: bool) -> Fixed:
        if call.grad and call.name not in _COPIES_THE_LOOK:
            for tensor in call.tensors():
                value = self.values.get(id(tensor))
                if value is not None and isinstance(value.store, Fixed) and storage_of(tensor) == storage_of(out):
                    return value.store
        return Fixed(out, depends=depends)

    # -- what depends on a row

    def _argument(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            found = self._look_up(value)
            if found is None:
                raise unknown_tensor(self.where, self.name, value)
            return found
        if isinstance(value, (list, tuple)):
            return [self._argument(inner) for inner in value]
        return value

    def _look_up(self, tensor: Tensor) -> Value | None:
        found = self.values.get(id(tensor))
        if found is None and self.name == "lift_fresh":  # a number or list written in the step
            found = self.values[id(tensor)] = Value(Fixed(tensor, depends=False), tensor, None)
        if found is None:
            raise unknown_tensor(self.where, self.name, tensor)
        return found

    def _checked(self, value: Value, out: Tensor) -> Value:
        if value.shape(self.rows[0]) != tuple(out.shape):
            raise mixes_rows(self.where, self.name)
        if isinstance(value.store, Fixed):
            return value if self.grad else self._stopped(self.lifted(value))
        if out.dtype not in {self.dtype, torch.bool} and not (out.dtype == torch.int64 and choices(value.store.node)):
            kind = str(out.dtype).removeprefix("torch.")
            wanted = str(self.dtype).removeprefix("torch.")
            raise self.refusal(f"{self.name} gives {kind}", f"the step is compiled in {wanted}: stay in it")
        value = self._of_kind(value, out.dtype == torch.bool)
        return value if self.grad else self._stopped(value)

    def _of_kind(self, value: Value, truth: bool) -> Value:
        assert isinstance(value.store, Computed)
        node = value.store.node
        if node.truth == truth:
            return value
        return computed(self.truth(node) if truth else self.number(node), value.look.shape, value.batch)

    def _stopped(self, value: Value) -> Value:
        assert isinstance(value.store, Computed)
        if value.store.node.truth:
            return value
        node = ir.make("stop", features(value, self.where), where=self.where)
        return computed(node, value.look.shape, value.batch, "a value that autograd does not see")

    def _write(self, target: Value, new: Value) -> None:
        store = target.store
        if isinstance(store, Fixed) or store.kept:
            kept = store.kept if isinstance(store, Computed) else "a value that is the same for all rows"
            raise self.refusal(f"{self.name} writes to {kept}", "make a new value instead")
        ready, shape, batch = aligned([target, self.lifted(new)], self.where, self.name)
        if shape != target.look.shape or batch != target.batch:
            raise mixes_rows(self.where, self.name)
        node = gather((ready[1].store.node,), ready[1].look.expand(shape), self.where)  # type: ignore[union-attr]
        node = self.truth(node) if store.node.truth else self.number(node)
        if not self.grad and not node.truth:
            old = features(target, self.where)  # autograd takes the new value for the old one
            past = ir.make("sub", old, ir.make("stop", old, where=self.where), where=self.where)
            node = ir.make("add", past, ir.make("stop", node, where=self.where), where=self.where)
        index = torch.arange(store.node.size)
        index[target.look.reshape(-1)] = torch.arange(node.size) + store.node.size
        store.node = gather((store.node, node), index, self.where)

    # -- what the rows of the table are written with

    def refusal(self, what: str, mend: str) -> TraceError:
        """Make the error for this call."""
        return refusal(self.where, what, f"{mend}, or {RUN_AS_IT_IS}")

    def make(self, op: str, *inputs: Node) -> Node:
        """Make an elementwise node for this call."""
        return ir.make(op, *inputs, where=self.where)

    def number(self, node: Node) -> Node:
        """A truth as 0 or 1."""
        return self.make("number", node) if node.truth else node

    def truth(self, node: Node) -> Node:
        """Whether a number is not 0."""
        return node if node.truth else self.make("not", self.make("eq", node, ir.constant(0.0)))

    def lifted(self, value: Value | float) -> Value:
        """Make a value of the graph: a number becomes a constant, a parameter a vector."""
        if not isinstance(value, Value):
            return computed(ir.constant(float(value), truth=isinstance(value, bool)), (), None)
        return value if isinstance(value.store, Computed) else self._vector(value.store, value)

    def _vector(self, store: Fixed, value: Value) -> Value:
        core = _without_repeats(value.look)
        truth = core.dtype == torch.bool
        node = None if store.depends else _constant(core)
        if node is None:
            store.used = True
            node = ir.vector(self.prepared.vector(store, core), self.where)
            node = self.truth(node) if truth else node
        made = computed(node, core.shape, None)
        return made.seen(made.look.expand(value.look.shape), value.batch)

    def weight(self, store: Fixed, look: Tensor) -> View:
        """Look at (in, out) elements of a tensor that is the same for all rows."""
        store.used = True
        return self.prepared.weight(store, look)

    def pointwise(self, rule: Callable[..., Node], *operands: Value | float | None) -> Value:
        """Apply a rule to each feature of broadcast operands."""
        values = [None if o is None else self.lifted(o) for o in operands]
        ready, shape, batch = aligned([v for v in values if v is not None], self.where, self.name)
        order = order_of(ready, shape)
        nodes = iter([one_or_all(v, shape, order, self.where) for v in ready])
        return ordered(rule(*(None if v is None else next(nodes) for v in values)), shape, order, batch)


def _without_repeats(look: Tensor) -> Tensor:
    """Shrink axes along which a tensor only repeats itself."""
    for axis, (size, stride) in enumerate(zip(look.shape, look.stride(), strict=True)):
        if stride == 0 and size > 1:
            look = look.narrow(axis, 0, 1)
    return look


def _constant(core: Tensor) -> Node | None:
    if core.numel() == 0 or core.is_complex():
        return None
    first = core.reshape(-1)[0]
    if not bool((core == first).all()):
        return None
    return ir.constant(first.item(), truth=core.dtype == torch.bool)
