"""What the compiled engine makes of a step: its plans, told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from torch import Tensor

from everystep.compiler import ir
from everystep.compiler.costs import Cost, bytes_kept, cost_of, is_kept
from everystep.compiler.formulas import Formulas
from everystep.compiler.guards import Guard
from everystep.compiler.ir import Leaf, Node
from everystep.compiler.naming import Names, backward_names, forward_names
from everystep.compiler.plan import Plan, Sweep
from everystep.compiler.plan_printer import PlanPrinter, graph_text
from everystep.compiler.printer import written
from everystep.compiler.variables import variables
from everystep.engines.job import Job
from everystep.engines.llvm.door import widened
from everystep.engines.llvm.finding import Found, call_of, find
from everystep.engines.llvm.layout import Layout
from everystep.engines.llvm.passes import Passes
from everystep.engines.llvm.program import emit_program
from everystep.engines.llvm.target import host, named
from everystep.engines.stepping import streams_of


class Explained(NamedTuple):
    """What there is to tell; see :class:`everystep.unroll.explanation.Explanation`."""

    step: str
    graphs: dict[str, str]
    prepared: tuple[str, ...]
    hoisted: tuple[str, ...]
    sunk: tuple[str, ...]
    kept: tuple[str, ...]
    recomputed: tuple[str, ...]
    deferred: tuple[str, ...]
    plans: dict[str, Plan]
    loops: dict[str, str]
    costs: dict[str, Cost]
    kept_bytes: int


def explained(job: Job) -> Explained:
    """Tell what the compiled engine makes of a step.

    Args:
        job: An unroll of it; its values are not read.

    Raises:
        EngineError: The step can't be compiled.
    """
    found = find(job)
    passes, without_gradients = passes_of(job, found), _passes(job, found, [], [])
    plans = {
        "inference": without_gradients.inference.plan,
        "training": passes.training.plan,
        "backward": passes.backward.plan,
    }
    names, names_back = _names(job, found, passes)
    printers = {name: PlanPrinter(plan, names_back if name == "backward" else names) for name, plan in plans.items()}
    size = passes.dtype.itemsize
    return Explained(
        step=graph_text(found.lowered.traced.graph, names),
        graphs={
            "trace": written(found.lowered.traced.graph),
            "simplified": written(passes.graph),
            "backward": written(plans["backward"].graph),
        },
        prepared=tuple(_prepared(found)),
        hoisted=_stored(printers["training"], plans["training"].before),
        sunk=_stored(printers["training"], plans["training"].after),
        kept=_kept(printers["training"], plans["training"]),
        recomputed=_recomputed(printers["backward"], plans["training"], names),
        deferred=tuple(map(printers["backward"].reduction, plans["backward"].reductions)),
        plans=plans,
        loops={name: "\n".join(printer.lines()) for name, printer in printers.items()},
        costs={name: cost_of(plan, size) for name, plan in plans.items()},
        kept_bytes=bytes_kept(plans["training"], size),
    )


def llvm_text(plan: Plan, dtype: str, *, backward: bool, target: str = "") -> str:
    """Write the text that LLVM is given for a plan.

    Args:
        plan: The plan.
        dtype: float32 or float64.
        backward: Whether it goes from the last step to the first.
        target: avx512, avx2, portable or neon, whatever the processor; that of this machine if empty.
    """
    chosen = named(target) if target else host()
    return str(emit_program(plan, Layout(plan, chosen, dtype, backward=backward), dtype, chosen, backward=backward))


def passes_of(job: Job, found: Found) -> Passes:
    """The passes that a call with gradients takes."""
    time = {f"x:{name}": value for name, value in streams_of(job.x).items()}
    time |= {f"value:{name}": values for name, (values, _) in job.forced.items()}
    rows = dict(found.context)
    if job.resets is not None:
        rows |= {f"initial {n}": part for n, part in zip(job.step.part_names, job.initial, strict=True)}
    wanted = [Leaf(*name.split(":", 1)) for name, value in time.items() if value.requires_grad]
    wanted += [Leaf("row", name) for name, value in rows.items() if value.requires_grad]
    wanted_roots = [name for name, value in found.roots.items() if value.requires_grad]
    return _passes(job, found, wanted, wanted_roots)


def _passes(job: Job, found: Found, wanted: list[Leaf], wanted_roots: list[str]) -> Passes:
    recorded = found.lowered.recorded(job.record)
    return found.lowered.passes(recorded, job.resets is not None, tuple(job.forced), wanted, wanted_roots)


def _names(job: Job, found: Found, passes: Passes) -> tuple[Names, Names]:
    """What values are called, forward and backward."""
    graph, step = found.lowered.traced.graph, widened(job.step.cell)
    roots = found.guard.roots() if step is job.step.cell else Guard(step).roots()
    own = variables(call_of(job, step), getattr(step, "step", step), found.asked, roots)
    names = forward_names(graph, {name: tuple(root.shape) for name, root in found.roots.items()}, own)
    backward = backward_names(names, passes.graph, passes.training.plan, passes.backward.plan, passes.wanted_roots)
    return names, backward


def _prepared(found: Found) -> Iterable[str]:
    """What torch computes from parameters alone, and from which."""
    known = {id(value): name for name, value in found.guard.roots().items()}
    for name, value in found.roots.items():
        if id(value) not in known:
            sources = dict.fromkeys(_sources(value, known))
            yield f"{name} ({' x '.join(map(str, value.shape))})" + (f" from {', '.join(sources)}" if sources else "")


def _sources(value: Tensor, known: dict[int, str]) -> Iterable[str]:
    """The parameters that autograd would carry a gradient back to."""
    ends: list[Any] = [value.grad_fn]
    seen = set()
    while ends:
        function = ends.pop()
        if function is None or function in seen:
            continue
        seen.add(function)
        variable = getattr(function, "variable", None)
        if variable is not None:
            yield known.get(id(variable), "a parameter")
        ends += [following for following, _ in function.next_functions]


def _stored(printer: PlanPrinter, sweeps: tuple[Sweep, ...]) -> tuple[str, ...]:
    """What some sweeps leave to others, or put out."""
    return tuple(dict.fromkeys(printer.formulas.use(store.node) for sweep in sweeps for store in sweep.stores))


def _kept(printer: PlanPrinter, plan: Plan) -> tuple[str, ...]:
    stores = [store for sweep in plan.sweeps for store in sweep.stores if is_kept(store.spot.place)]
    return tuple(dict.fromkeys(printer.formulas.use(store.node) for store in stores))


def _recomputed(printer: PlanPrinter, forward: Plan, names: Names) -> tuple[str, ...]:
    """What a backward plan computes that the forward plan computes too, but for steps on the way to it."""
    before = {names.keys.of(node) for sweep in forward.sweeps for node in sweep.nodes if _works(node)}
    sweeps, number = printer.plan.sweeps, printer.names.keys.of
    again = {node for sweep in sweeps for node in sweep.nodes if _works(node) and number(node) in before}
    formulas = Formulas(names.shapes)
    formulas.names = {node: name for node, name in printer.formulas.names.items() if node not in again}
    wanted = {i for sweep in sweeps for node in sweep.nodes if node not in again for i in node.inputs}
    wanted |= {store.node for sweep in sweeps for store in sweep.stores}
    ends = [node for sweep in sweeps for node in sweep.nodes if node in again and node in wanted]
    return tuple(dict.fromkeys(printer.names.of(node) or formulas.of(node) for node in ends if not node.truth))


def _works(node: Node) -> bool:
    return node.op not in ir.LEAVES | {"slice", "spread", "cat"}
