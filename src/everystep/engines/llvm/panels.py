"""Which weights of a sweep are packed together, so that a number of a row is read once for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from everystep.compiler import ir
from everystep.compiler.ir import Node, View
from everystep.compiler.plan import Spot, Sweep


def most_slots(registers: int) -> int:
    """Count the vectors of weights that one product takes at a time: as many sums of each fit, six rows and more."""
    return registers // 8


@dataclass(frozen=True, eq=False)
class Panel:
    """Weights of one multiplied value for neighbouring sums.

    ``spot`` is where the value lies; ``first`` the first slot of the accumulators that the weights belong to; each
    view has ``columns`` of them.
    """

    spot: Spot
    views: tuple[View, ...]
    first: int
    columns: int

    @property
    def slots(self) -> int:
        """Vectors of a tile."""
        return len(self.views) * self.columns


class Panels(NamedTuple):
    """How the products of a sweep are arranged."""

    sums: tuple[Node, ...]  # the affine nodes, in the order of their accumulators
    columns: int  # vectors that each of them has in a tile
    panels: tuple[Panel, ...]  # in the order in which they are added

    @property
    def work(self) -> int:
        """Multiplications and additions for one row."""
        return sum(len(panel.views) * panel.views[0].shape[0] * panel.views[0].shape[1] for panel in self.panels)


def panels_of(sweep: Sweep, width: int, most: int) -> Panels:
    """Arrange the products of a sweep: sums that multiply the same value stand side by side."""
    sums = [node for node in sweep.nodes if node.op == "affine"]
    if not sums:
        return Panels((), 1, ())
    factors = {node: _factors(node, sweep, None) for node in sums}
    order = _order(list(factors.values()))
    if order is None:  # sums that add in contrary orders share nothing
        factors = {node: _factors(node, sweep, node) for node in sums}
        order = [factor for own in factors.values() for factor, _ in own]
    sums.sort(key=lambda node: _membership(factors[node], order))
    columns = _columns(len(sums), most, -(-sweep.size // width))
    runs = [
        run
        for factor in order
        for run in _runs(factor, [dict(factors[node]).get(factor) for node in sums], columns, most)
    ]
    return Panels(tuple(sums), columns, tuple(runs))


def _columns(sums: int, most: int, vectors: int) -> int:
    """How many neighbouring vectors of each sum make a tile: few are wasted at the end, many share a row's number.

    A tile of one vector has too few chains of additions to keep the arithmetic units busy where rows are few.
    """

    def cost(columns: int) -> float:
        return -(-vectors // columns) * columns * (1 + 0.25 / (sums * columns) ** 2)

    return min(range(1, max(1, most // sums) + 1), key=cost)


class _Factor(NamedTuple):
    """A multiplied value; which of the products with it in one sum is meant; the sum, if it shares with no other."""

    spot: Spot
    size: int
    time: int
    owner: Node | None


Factors = list[tuple[_Factor, View]]


def _factors(node: Node, sweep: Sweep, owner: Node | None) -> Factors:
    found: Factors = []
    for spot, view in _joined([(sweep.loads[value], view) for value, view in ir.products(node)]):
        time = sum(factor.spot == spot for factor, _ in found)
        found.append((_Factor(spot, view.shape[0], time, owner), view))
    return found


def _joined(products: list[tuple[Spot, View]]) -> list[tuple[Spot, View]]:
    """Make one product of those whose values and weights are neighbours in memory."""
    places = [spot.place for spot, _ in products]
    joined: list[tuple[Spot, View]] = []
    for spot, view in sorted(products, key=lambda product: (places.index(product[0].place), product[0].offset)):
        if joined and _goes_on(*joined[-1], spot, view):
            first, weight = joined.pop()
            joined.append((first, weight.part(0, 0, weight.shape[0] + view.shape[0])))
        else:
            joined.append((spot, view))
    return joined


def _goes_on(spot: Spot, view: View, other: Spot, weight: View) -> bool:
    """Whether another value and its weights begin where these end."""
    return other == Spot(spot.place, spot.offset + view.shape[0]) and view.is_followed_by(weight, 0)


def _order(sums: list[Factors]) -> list[_Factor] | None:
    """One order of all multiplied values in which every sum finds its own order; None if there is none."""
    remaining = [[factor for factor, _ in factors] for factors in sums]
    order: list[_Factor] = []
    while any(remaining):
        heads = [factors[0] for factors in remaining if factors]
        chosen = next((head for head in heads if not any(head in factors[1:] for factors in remaining)), None)
        if chosen is None:
            return None
        order.append(chosen)
        remaining = [factors[1:] if factors and factors[0] == chosen else factors for factors in remaining]
    return order


def _membership(factors: Factors, order: list[_Factor]) -> tuple[bool, ...]:
    """Sort sums so that those which share a factor are neighbours: at one end those without the last one."""
    own = {factor for factor, _ in factors}
    return (order[-1] in own, order[0] not in own, *(factor in own for factor in order))


def _runs(factor: _Factor, views: list[View | None], columns: int, most: int) -> list[Panel]:
    """Take the neighbouring sums that multiply a value together, as many as a product takes at a time."""
    most = max(1, most // columns)
    panels: list[Panel] = []
    run: list[View] = []
    for n, view in enumerate([*views, None]):
        if run and (view is None or len(run) == most):
            panels.append(Panel(factor.spot, tuple(run), (n - len(run)) * columns, columns))
            run = []
        if view is not None:
            run.append(view)
    return panels
