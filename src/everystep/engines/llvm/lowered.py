"""A step that was traced, and the passes for everything that may be asked of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from everystep.compiler import ir
from everystep.compiler.ir import Graph, Leaf, Node
from everystep.compiler.simplify import rewritten, simplify
from everystep.compiler.trace import Traced
from everystep.engines.llvm.compiling import remembered
from everystep.engines.llvm.passes import Passes
from everystep.errors import EngineError, unknown


class Wanted(NamedTuple):
    """Whose gradients may be asked for."""

    leaves: frozenset[Leaf] = frozenset()
    roots: frozenset[str] = frozenset()


class Kind(NamedTuple):
    """What is asked of a step besides running it: names to record, whether it is ever reset, parts that are forced."""

    recorded: tuple[str, ...] = ()
    resets: bool = False
    forced: tuple[str, ...] = ()


class Lowered:
    """One step, as its trace has it.

    Args:
        who: Name of the cell.
        traced: The trace.
        parts: Names of the parts of the state.
        dtype: Of the numbers.
    """

    def __init__(self, who: str, traced: Traced, parts: tuple[str, ...], dtype: torch.dtype) -> None:
        self.who, self.traced, self.parts, self.dtype = who, traced, parts, dtype
        self.taps = tuple(name.removeprefix("tap:") for name in traced.graph.outputs if name.startswith("tap:"))
        self._passes: dict[object, Passes | EngineError] = {}

    @property
    def prepare(self) -> Callable[[Mapping[str, Tensor]], dict[str, Tensor]]:
        """Computes what depends on parameters alone."""
        return self.traced.prepare

    def recorded(self, record: tuple[str, ...] | str) -> tuple[str, ...]:
        """Every name that is to be recorded."""
        known = (*self.taps, *self.parts)
        if record == "all":
            return known
        for name in record:
            if name not in known:
                raise unknown(self.who, "record", name, known)
        return tuple(record)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an output of one row: ``y``, or ``record:NAME``."""
        return self.traced.shapes[self._output(name)]

    def kind(self, name: str) -> torch.dtype:
        """The dtype of an output, ``y`` or ``record:NAME``."""
        output = self._output(name)
        if output in self.traced.indices:
            return torch.int64
        return torch.bool if self.traced.graph.outputs[output].truth else self.dtype

    def passes(
        self,
        recorded: tuple[str, ...] = (),
        resets: bool = False,
        forced: tuple[str, ...] = (),
        wanted: Collection[Leaf] = (),
        wanted_roots: Collection[str] = (),
    ) -> Passes:
        """The passes for a kind of call, made when that is first seen.

        Raises:
            EngineError: It can't be compiled.
        """
        kind, gradients = Kind(recorded, resets, forced), Wanted(frozenset(wanted), frozenset(wanted_roots))
        return remembered(self._passes, (kind, gradients), lambda: self._made(kind, gradients))

    def _made(self, kind: Kind, wanted: Wanted) -> Passes:
        return Passes(simplify(self._graph(kind)), self.dtype, wanted.leaves, wanted.roots, self.who)

    def _output(self, name: str) -> str:
        """The name that an output has in the trace."""
        if name == "y":
            return name
        name = name.removeprefix("record:")
        return f"tap:{name}" if name in self.taps else f"state:{name}"

    def _graph(self, kind: Kind) -> Graph:
        traced = self.traced.graph.outputs
        outputs = {f"state:{part}": traced[f"state:{part}"] for part in self.parts}
        outputs["y"] = _as_number(traced["y"])
        outputs |= {f"record:{name}": _as_number(traced[self._output(f"record:{name}")]) for name in kind.recorded}
        graph = Graph(outputs)
        return rewritten(graph, lambda node: _entering(node, kind)) if kind.resets or kind.forced else graph


def _as_number(node: Node) -> Node:
    return ir.make("number", node) if node.truth else node


def _entering(node: Node, kind: Kind) -> Node:
    """The state that enters a step: after resets, then forced values."""
    if node.op != "leaf" or node.attribute.kind != "state":
        return node
    name, state = node.attribute.name, node
    if kind.resets:
        state = _where("reset", ir.leaf("row", f"initial {name}", node.size), state)
    if name in kind.forced:
        state = _where(f"forced {name}", ir.leaf("value", name, node.size), state)
    return state


def _where(flag: str, chosen: Node, otherwise: Node) -> Node:
    return ir.make("where", ir.leaf("flag", flag, 1, truth=True), chosen, otherwise)
