"""N6: the recurrence is an ordinary feed-forward graph with tied parameters, and back-propagation runs on it."""

from __future__ import annotations

import torch
from torch import Tensor

from everystep.draw import draw
from everystep.tour.item import Item
from everystep.tour.worked_example import model3
from everystep.unroll import unroll

CODE = """\
import torch, everystep as es

cell = es.cells.LinearSystem(1, 3, 1, bias=False)  # Model 3
with torch.no_grad():
    cell.W.copy_(torch.eye(3).roll(1, 0).tril())
    cell.U.copy_(torch.tensor([[1.], [0], [0]]))
    cell.V.copy_(torch.ones(1, 3))

x = torch.tensor([1., 2, 3, 4, 5], requires_grad=True)
es.unroll(cell, x.reshape(5, 1, 1)).y[-1].sum().backward()
print(x.grad)  # of y(5), by x(1) ... x(5)
es.draw(cell, x=[1, 2, 3, 4, 5])
"""


def compute() -> Item:
    """Unroll the worked example over five steps, count its graph, and send the last output's gradient back."""
    cell = model3()
    x = torch.arange(1.0, 6.0, dtype=torch.float64).reshape(5, 1, 1).requires_grad_()
    last = unroll(cell, x).y[-1].sum()
    gradient = torch.autograd.grad(last, x)[0].flatten()
    drawing = draw(cell, x=x.detach().flatten().tolist())
    uses = [edge.label for edge in drawing.graph.edges]
    figures = {
        "nodes": len(drawing.graph.nodes),
        "edges": len(uses),
        "uses": {name: uses.count(name) for name in ("W", "U", "V")},
        "gradient": gradient.tolist(),
    }
    drawn = {"wide": drawing.wide, "narrow": drawing.narrow}
    return Item("N6", "Unroll the computational graph", figures, CODE, _prose(figures, gradient), drawn)


def _prose(figures: dict, gradient: Tensor) -> tuple[str, ...]:
    reached = [f"x({t})" for t, value in enumerate(gradient.tolist(), start=1) if value]
    return (
        "**The key point.** The recurrence over T steps is an ordinary feed-forward graph of depth T with tied "
        "parameters, and back-propagation on that graph is back-propagation through time. For T = 5 the worked "
        f"example's graph has {figures['nodes']} nodes (s(0), and x, s and y at each step) and {figures['edges']} "
        f"edges: {figures['uses']['W']} carry W, {figures['uses']['U']} carry U, {figures['uses']['V']} carry V. "
        "One colour is one parameter: the same wherever it stands.",
        "From y(5) the gradient flows back along the edges, through V once and through W once a step. It is "
        f"{_list(gradient)} at x(1) … x(5): y(5) depends on {', '.join(reached)}, as it should, since its target is "
        "x(5) + x(4) + x(3). Two steps before that the shift register has let go.",
    )


def _list(values: Tensor) -> str:
    return ", ".join(f"{value:g}" for value in values.tolist())
