"""A step that was traced, and the passes for everything that may be asked of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import torch
from torch import Tensor

from everystep.compiler import ir
from everystep.compiler.ir import Graph, Leaf, Node
from everystep.compiler.simplify import rewritten, simplify
from everystep.compiler.trace import Traced
from everystep.engines.llvm.passes import Passes
from everystep.errors import unknown


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
        self._passes: dict[object, Passes] = {}

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
        """The shape of an output of one row: ``y``, or a recorded name."""
        return self.traced.shapes[self._output(name)]

    def truth(self, name: str) -> bool:
        """Whether an output is bool."""
        return self.traced.graph.outputs[self._output(name)].truth

    def passes(
        self,
        recorded: tuple[str, ...],
        resets: bool,  # noqa: FBT001
        forced: tuple[str, ...],
        wanted: Collection[Leaf],
        wanted_roots: Collection[str],
    ) -> Passes:
        """The passes for a kind of call."""
        key = (recorded, resets, forced, frozenset(wanted), frozenset(wanted_roots))
        if key not in self._passes:
            graph = simplify(self._graph(recorded, resets, forced))
            self._passes[key] = Passes(graph, self.dtype, wanted, wanted_roots)
        return self._passes[key]

    def _output(self, name: str) -> str:
        return name if name == "y" else f"tap:{name}" if name in self.taps else f"state:{name}"

    def _graph(self, recorded: tuple[str, ...], resets: bool, forced: tuple[str, ...]) -> Graph:  # noqa: FBT001
        traced = self.traced.graph.outputs
        outputs = {f"state:{part}": traced[f"state:{part}"] for part in self.parts}
        outputs["y"] = _as_number(traced["y"])
        outputs |= {f"record:{name}": _as_number(traced[self._output(name)]) for name in recorded}
        graph = Graph(outputs)
        return rewritten(graph, lambda node: _entering(node, resets, forced)) if resets or forced else graph


def _as_number(node: Node) -> Node:
    return ir.make("number", node) if node.truth else node


def _entering(node: Node, resets: bool, forced: tuple[str, ...]) -> Node:  # noqa: FBT001
    """The state that enters a step: after resets, then forced values."""
    if node.op != "leaf" or node.attribute.kind != "state":
        return node
    name, state = node.attribute.name, node
    if resets:
        state = ir.make("where", ir.leaf("flag", "reset", 1, truth=True), ir.leaf("row", f"initial {name}", node.size), state)
    if name in forced:
        mask = ir.leaf("flag", f"forced {name}", 1, truth=True)
        state = ir.make("where", mask, ir.leaf("value", name, node.size), state)
    return state
