"""What a pass costs for one step of one row: counted from its plan."""

from __future__ import annotations

from typing import NamedTuple

from everystep.compiler import ir
from everystep.compiler.plan import Place, Plan, Reduction, Sweep


class Cost(NamedTuple):
    """Work for one step of one row.

    Attributes:
        multiply_adds: Of products with parameters, weight gradients included.
        elementwise: Operations on single numbers, sums over features included.
        read: Bytes that the sweeps read of a row's own values; parameters are read once for many rows.
        written: Bytes that they write.
    """

    multiply_adds: int
    elementwise: int
    read: int
    written: int

    def __add__(self, other: tuple[int, ...]) -> Cost:  # type: ignore[override]
        return Cost(*(mine + its for mine, its in zip(self, other, strict=True)))


def cost_of(plan: Plan, itemsize: int) -> Cost:
    """Count what a pass does for one step of one row.

    Args:
        plan: The pass.
        itemsize: Bytes of a number.
    """
    total = Cost(0, 0, 0, 0)
    for sweep in plan.sweeps:
        total += _of_sweep(sweep, itemsize)
    for one in plan.reductions:
        total += _of_reduction(one, itemsize)
    return total


def bytes_kept(plan: Plan, itemsize: int) -> int:
    """Count the bytes of one step of one row that a forward pass leaves for the backward pass, outputs left out."""
    places = {store.spot.place for sweep in plan.sweeps for store in sweep.stores}
    return sum(place.size * itemsize for place in places if is_kept(place))


def is_kept(place: Place) -> bool:
    """Whether a place of a forward pass is there for the backward pass alone."""
    return place.space == "time" and place.name.startswith(("kept:", "state:"))


def _of_sweep(sweep: Sweep, itemsize: int) -> Cost:
    affine = [node for node in sweep.nodes if node.op == "affine"]
    products = sum(view.shape[0] * view.shape[1] for node in affine for view in node.attribute)
    elementwise = sum(node.size for node in sweep.nodes if node.op in ir.ELEMENTWISE)
    elementwise += sum(one.node.inputs[0].size for one in (*sweep.gathers, *sweep.folds))
    read = sum(node.size * (1 if node.truth else itemsize) for node in sweep.loads)
    read += sum(node.inputs[0].size * itemsize for node in sweep.repeats)
    read += sum(node.size * itemsize for node in sweep.nodes if node.op == "lookup")
    added = [store.node.size for store in sweep.stores if store.spot.place.space == "total"]
    written = sum(one.node.size for one in (*sweep.stores, *sweep.folds)) * itemsize
    return Cost(products, elementwise, read + sum(added) * itemsize, written)


def _of_reduction(one: Reduction, itemsize: int) -> Cost:
    gradient = one.view.shape[-1]
    if one.value is None:
        return Cost(0, gradient, (gradient + (one.row is not None)) * itemsize, 0)
    return Cost(one.work, 0, (one.view.shape[0] + gradient) * itemsize, 0)
