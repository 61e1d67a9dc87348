"""A plan as one module: packing, regions, and a driver that goes through time chunk by chunk.

Three functions of a block are called from outside: ``pack`` copies the parameters into the order in which products read
them, ``steps`` goes through time with what was packed, and ``run`` does both.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir as llvm

from everystep.compiler.ir import Node
from everystep.compiler.plan import Plan, Spot, Sweep
from everystep.engines.llvm.layout import Layout, Root
from everystep.engines.llvm.packing import packing, tile_count
from everystep.engines.llvm.regions import Regions
from everystep.engines.llvm.target import Target
from everystep.engines.llvm.vectors import Value, Vectors

MODULE = "everystep"


def emit_program(plan: Plan, layout: Layout, dtype: str, target: Target, *, backward: bool) -> llvm.Module:
    """Write a plan as a module.

    Args:
        plan: What to do.
        layout: Where everything stands in the block.
        dtype: float32 or float64.
        target: What to write for.
        backward: Whether steps are taken from the last to the first.

    Returns:
        The module; ``pack``, ``steps`` and ``run`` are its entries.
    """
    module = llvm.Module(MODULE)
    module.triple = target.triple
    vectors = Vectors(module, dtype, target.width(dtype), target.instructions)
    regions = Regions(vectors, plan, layout, backward=backward)
    packs = [packing(vectors, str(n), panel.views, panel.columns) for n, panel in enumerate(layout.panels)]
    calls = regions.emit()
    parts = [_emit_packing(regions, packs), _emit_steps(regions, calls)]
    _emit_run(regions, parts)
    return module


def _entry(regions: Regions, name: str) -> llvm.Function:
    """Begin a function of the block that is called from outside."""
    function = regions.v.function(name, [regions.v.pointer], internal=False)
    regions.block.start = function.args[0]
    return function


def _emit_packing(regions: Regions, packs: list[llvm.Function]) -> llvm.Function:
    v, layout, block = regions.v, regions.layout, regions.block
    with regions.teams.region("packing") as piece:
        for panel, pack in zip(layout.panels, packs, strict=True):
            roots = [block.address(Root(view.root)) for view in panel.views]
            tiles = tile_count(panel.views[0].shape[1], panel.columns, v.width)
            v.builder.call(pack, [block.address(panel), *regions.teams.part(v.integer(tiles), piece), *roots])
    function = _entry(regions, "pack")
    regions.teams.share(v.module.globals["packing"])
    v.builder.ret_void()
    return function


def _emit_steps(regions: Regions, calls: list[Callable[[], None]]) -> llvm.Function:
    v, block, function = regions.v, regions.block, _entry(regions, "steps")
    steps, chunk, bounds = block.number("steps"), block.number("chunk"), block.number("bounds")
    with v.loop(0, steps, chunk) as done:
        build = v.builder
        following = build.add(done, chunk)
        end = build.select(build.icmp_signed("<", following, steps), following, steps)
        low, high = (build.sub(steps, end), build.sub(steps, done)) if regions.backward else (done, end)
        _begin_chunk(regions, low, high)
        block.set("bounds", build.add(bounds, build.mul(build.sdiv(done, chunk), block.number("bounds_on"))))
        for call in calls:
            call()
    block.set("bounds", bounds)
    v.builder.ret_void()
    return function


def _emit_run(regions: Regions, parts: list[llvm.Function]) -> None:
    _entry(regions, "run")
    for part in parts:
        regions.v.builder.call(part, [regions.block.start])
    regions.v.builder.ret_void()


def _begin_chunk(regions: Regions, low: Value, high: Value) -> None:
    v, block = regions.v, regions.block
    last = v.builder.sub(high, v.integer(1))
    one, other = block.start_of_step(low), block.start_of_step(last)
    ascending = v.builder.icmp_signed("<", one, other)
    row_low, row_last = v.builder.select(ascending, one, other), v.builder.select(ascending, other, one)
    row_high = v.builder.add(row_last, block.rows_of_step(last))
    for name, value in {"low": low, "high": high, "row_low": row_low, "row_high": row_high}.items():
        block.set(name, value)


def described(plan: Plan) -> str:
    """Everything that the code for a plan depends on, as text."""
    number: dict[Node, int] = {}

    def name(node: Node) -> int:
        return number.setdefault(node, len(number))

    lines = [region for sweeps in (plan.before, plan.loop, plan.after) for region in [_text(sweeps, name)]]
    lines += [f"{one.view} {one.gradient} {one.value} {one.row}" for one in plan.reductions]
    return "\n".join([*lines, repr(sorted(plan.sequences.items()))])


def _text(sweeps: tuple[Sweep, ...], name: Callable[[Node], int]) -> str:
    lines = []
    for sweep in sweeps:
        lines.append(f"sweep {sweep.size}")
        lines += [f"load {name(node)} {node.size} {_spot(spot)}" for node, spot in sweep.loads.items()]
        lines += [f"repeat {name(node)} {_runs(node)} {_spot(spot)}" for node, spot in sweep.repeats.items()]
        lines += [f"sum {name(node)} {node.op} {place}" for node, place in sweep.sums.items()]
        for node in sweep.nodes:
            attribute = " ".join(map(str, node.attribute)) if node.op == "affine" else str(node.attribute)
            lines.append(f"{name(node)} {node.op} {node.size} {attribute} {[name(i) for i in node.inputs]}")
        lines += [f"store {name(node)} {_spot(spot)}" for node, spot in sweep.stores]
        lines += [f"gather {name(node)} {node.op} {name(node.inputs[0])} {place}" for node, place in sweep.gathers]
        lines += [f"{node.op} {name(node)} {_runs(node)} {name(node.inputs[0])} {_spot(s)}" for node, s in sweep.folds]
    return "\n".join(["region", *lines])


def _runs(node: Node) -> str:
    return f"{node.size} {node.inputs[0].size} {node.attribute}"


def _spot(spot: Spot) -> str:
    return f"{tuple(spot.place)} {spot.offset}"
