"""Hold a plan to what its regions can do."""

from __future__ import annotations

from everystep.compiler.checker import BrokenGraphError
from everystep.compiler.plan import Place, Plan, Sweep

FLAT = {"time", "chunk"}  # spaces with a row for every row of the batch at every step
SCRATCH = {"chunk", "step"}  # spaces that hold nothing until something is stored there


def check_plan(plan: Plan) -> None:
    """Look at every place that a plan reads or writes.

    Raises:
        BrokenGraphError: A region over all rows of a chunk touches what is found step by step, such as the state one
            step back, or something is read that no sweep has stored.
    """
    stored: set[Place] = set()
    for region, sweeps in {"before": plan.before, "loop": plan.loop, "after": plan.after}.items():
        for sweep in sweeps:
            _check_spaces(region, sweep)
            _check_stored(region, sweep, stored)
            _check_runs(region, sweep)
            stored |= {store.spot.place for store in (*sweep.stores, *sweep.folds)} | {
                gather.place for gather in sweep.gathers
            }
    spots = [spot for one in plan.reductions for spot in one.spots]
    for place, _ in spots:
        if place.space not in FLAT or (place.space in SCRATCH and place not in stored):
            raise BrokenGraphError(f"a weight gradient reads {place}; expected one of {sorted(FLAT)} that was stored")


def _check_spaces(region: str, sweep: Sweep) -> None:
    usable = FLAT if region != "loop" else None
    for place in sweep.places():
        if usable is not None and place.space not in usable:
            raise BrokenGraphError(f"{region} the loop {place} is touched; expected one of {sorted(usable)}")


def _check_runs(region: str, sweep: Sweep) -> None:
    if sweep.in_runs and any(node.op == "affine" for node in sweep.nodes):
        raise BrokenGraphError(f"{region}: a sweep over {sweep.size} features has products and goes over runs of them")


def _check_stored(region: str, sweep: Sweep, stored: set[Place]) -> None:
    read = (*sweep.loads.values(), *sweep.repeats.values())
    for place in [*(spot.place for spot in read), *sweep.sums.values()]:
        if place.space in SCRATCH and place not in stored:
            raise BrokenGraphError(f"{region}: {place} is read before anything is stored there")
