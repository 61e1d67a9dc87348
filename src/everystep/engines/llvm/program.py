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
    functions = regions.emit()
    parts = [_emit_packing(regions, packs), _emit_steps(regions, functions)]
    _emit_run(regions, parts)
    return module


def _entry(regions: Regions, name: str) -> llvm.Function:
    """Begin a function of the block that is called from outside."""
    function = regions.v.function(name, [regions.v.pointer], internal=False)
    regions.block = function.args[0]
    return function


def _emit_packing(regions: Regions, packs: list[llvm.Function]) -> llvm.Function:
    v, layout = regions.v, regions.layout
    function = _entry(regions, "pack")
    for panel, pack in zip(layout.panels, packs, strict=True):
        roots = [regions.address(Root(view.root)) for view in panel.views]
        tiles = tile_count(panel.views[0].shape[1], panel.columns, v.width)
        v.builder.call(pack, [regions.address(panel), v.integer(0), v.integer(tiles), *roots])
    v.builder.ret_void()
    return function


def _emit_steps(regions: Regions, functions: list[llvm.Function]) -> llvm.Function:
    v, function = regions.v, _entry(regions, "steps")
    steps, chunk, bounds = regions.number("steps"), regions.number("chunk"), regions.number("bounds")
    with v.loop(0, steps, chunk) as done:
        build = v.builder
        following = build.add(done, chunk)
        end = build.select(build.icmp_signed("<", following, steps), following, steps)
        low, high = (build.sub(steps, end), build.sub(steps, done)) if regions.backward else (done, end)
        _begin_chunk(regions, low, high)
        regions.set("bounds", build.add(bounds, build.mul(build.sdiv(done, chunk), regions.number("bounds_on"))))
        for region in functions:
            _share(regions, region)
    regions.set("bounds", bounds)
    v.builder.ret_void()
    return function


def _emit_run(regions: Regions, parts: list[llvm.Function]) -> None:
    _entry(regions, "run")
    for part in parts:
        regions.v.builder.call(part, [regions.block])
    regions.v.builder.ret_void()


def _begin_chunk(regions: Regions, low: Value, high: Value) -> None:
    v = regions.v
    last = v.builder.sub(high, v.integer(1))
    one, other = regions.start_of_step(low), regions.start_of_step(last)
    ascending = v.builder.icmp_signed("<", one, other)
    row_low, row_last = v.builder.select(ascending, one, other), v.builder.select(ascending, other, one)
    row_high = v.builder.add(row_last, regions.rows_of_step(last))
    for name, value in {"low": low, "high": high, "row_low": row_low, "row_high": row_high}.items():
        regions.set(name, value)


def _share(regions: Regions, region: llvm.Function) -> None:
    """Run a region on the team, or here if there is none."""
    v, i32 = regions.v, llvm.IntType(32)
    parallel = regions.number("parallel")
    with v.builder.if_else(v.builder.icmp_signed("!=", parallel, v.integer(0))) as (together, alone):
        with together:
            kind = llvm.FunctionType(llvm.VoidType(), [v.pointer, v.pointer, i32, i32])
            team = v.builder.inttoptr(parallel, kind.as_pointer())
            pieces = v.builder.trunc(regions.number("pieces"), i32)
            v.builder.call(team, [v.builder.bitcast(region, v.pointer), regions.block, pieces, llvm.Constant(i32, 0)])
        with alone:
            v.builder.call(region, [regions.block])


def described(plan: Plan) -> str:
    """Everything that the code for a plan depends on, as text."""
    number: dict[Node, int] = {}

    def name(node: Node) -> int:
        return number.setdefault(node, len(number))

    lines = [region for sweeps in (plan.before, plan.loop, plan.after) for region in [_text(sweeps, name)]]
    lines += [f"{one.view} {one.gradient} {one.value}" for one in plan.reductions]
    return "\n".join([*lines, repr(sorted(plan.sequences.items()))])


def _text(sweeps: tuple[Sweep, ...], name: Callable[[Node], int]) -> str:
    lines = []
    for sweep in sweeps:
        lines.append(f"sweep {sweep.size}")
        lines += [f"load {name(node)} {node.size} {_spot(spot)}" for node, spot in sweep.loads.items()]
        lines += [f"sum {name(node)} {node.op} {place}" for node, place in sweep.sums.items()]
        for node in sweep.nodes:
            attribute = " ".join(map(str, node.attribute)) if node.op == "affine" else str(node.attribute)
            lines.append(f"{name(node)} {node.op} {node.size} {attribute} {[name(i) for i in node.inputs]}")
        lines += [f"store {name(node)} {_spot(spot)}" for node, spot in sweep.stores]
        lines += [f"gather {name(node)} {node.op} {name(node.inputs[0])} {place}" for node, place in sweep.gathers]
    return "\n".join(["region", *lines])


def _spot(spot: Spot) -> str:
    return f"{tuple(spot.place)} {spot.offset}"
