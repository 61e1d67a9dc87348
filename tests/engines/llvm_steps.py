"""Steps as graphs, run over time by compiled code and by interpreting them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from agreement import gradients
from compiler.random_graphs import Sample
from everystep.compiler import ir
from everystep.compiler.ir import Graph, Leaf
from everystep.compiler.simplify import simplify
from everystep.engines.llvm.autograd import Call, Whole, launch
from everystep.engines.llvm.forward import Given
from everystep.engines.llvm.passes import Passes
from everystep.engines.llvm.programs import Span
from everystep.engines.llvm.slowly import slowly

Values = dict[str, Tensor]


class Sequence(NamedTuple):
    """A step with everything that it is given over time."""

    graph: Graph
    given: Given
    span: Span


def sequence(sample: Sample, steps: int, rows: int, *, reverse: bool = False, dtype=torch.float64) -> Sequence:
    """Give a random step random values."""
    outputs = {name.replace("tap:", "record:"): _number(node) for name, node in sample.graph.outputs.items()}
    chance = torch.Generator().manual_seed(steps * 100 + rows)
    given = Given({}, {}, {}, {name: root.to(dtype).requires_grad_() for name, root in sample.roots.items()})
    for leaf, size in sample.leaves.items():
        count = rows if leaf.kind in {"state", "row"} else rows * steps
        numbers = (torch.rand(count, size, generator=chance, dtype=torch.float64) * 2 - 1).to(dtype)
        value = numbers > 0 if leaf.kind == "flag" else numbers.requires_grad_()
        holder = {"state": given.state, "row": given.rows}.get(leaf.kind, given.time)
        holder[leaf.name if leaf.kind in {"state", "row"} else f"{leaf.kind}:{leaf.name}"] = value
    return Sequence(simplify(Graph(outputs)), given, Span(steps, rows, reverse))


def _number(node):
    return ir.make("number", node) if node.truth else node


def passes_of(one: Sequence, dtype=torch.float64) -> Passes:
    """The passes of a step, every gradient wanted."""
    time, _, rows, roots = one.given
    leaves = [Leaf(*name.split(":")) for name in time if not name.startswith("flag:")]
    return Passes(one.graph, dtype, [*leaves, *(Leaf("row", name) for name in rows)], list(roots))


def run(one: Sequence, passes: Passes, operation=Whole) -> tuple[Values, Values]:
    """Outputs and the last state by compiled code."""
    time, state, rows, roots = one.given
    call = Call(passes, one.span, tuple(time), tuple(state), tuple(rows), tuple(roots), operation)
    return launch(call, (*time.values(), *state.values(), *rows.values(), *roots.values()))


def compiled(one: Sequence) -> Values:
    """Outputs and gradients by compiled code."""
    return _outcome(*run(one, passes_of(one)), one.given)


def interpreted(one: Sequence) -> Values:
    """Outputs and gradients by torch."""
    return _outcome(*slowly(one.graph, one.span, one.given), one.given)


def _outcome(outputs: Values, last: Values, given: Given) -> Values:
    values = {**outputs, **{f"final {name}": part for name, part in last.items()}}
    leaves = {f"{kind} {n}": v for kind, of in given._asdict().items() for n, v in of.items() if v.requires_grad}
    return {name: v.detach() for name, v in values.items()} | gradients(values, leaves)
