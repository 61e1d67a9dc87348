"""What the cell computes on a given x: the value of every node, and the gradient of the last output."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from everystep.draw.dependence import Dependence
from everystep.draw.graph import Run, Values
from everystep.draw.leaves import Heard
from everystep.engines import Job
from everystep.engines.stepping import each_stream, streams_of

Tensors = Mapping[str, Tensor]  # part -> (1, size)
Place = tuple[int, int]  # (row, t)


def run_of(step: Dependence, job: Job, heard: Heard, steps: int) -> Run:
    """Run a cell over one sequence with the plain loop, and go back from its last output.

    Args:
        step: What one step connects.
        job: The unroll, of one row.
        heard: The cell's step, on copies of its parameters.
        steps: T, 0 or more.

    Returns:
        Values of every node, and the gradient of the last output with respect to every node.
    """
    places = _forward(step, job, heard, steps)
    gradients = _backward(places, (len(step.rows) - 1, steps)) if steps else {}
    labelled = {place: _labelled(step, place, tensors) for place, tensors in places.items()}
    return Run(labelled, gradients)


def _forward(step: Dependence, job: Job, heard: Heard, steps: int) -> dict[Place, Tensors]:
    names = job.step.part_names
    parts = tuple(_leaf(part) for part in job.state)
    places: dict[Place, Tensors] = {(step.state, 0): dict(zip(names, parts, strict=True))}
    for t in range(1, steps + 1):
        x = each_stream(lambda stream, t=t: _leaf(stream[t - 1]), job.x)
        parts, y, taps = heard(parts, x)
        # A view, so that an output which is also the state does not stand in the way from the state to the next.
        leaving = {"input": streams_of(x), "state": dict(zip(names, parts, strict=True)), "output": {"y": y.view_as(y)}}
        for i, row in enumerate(step.rows):
            places[i, t] = {row.label: taps[row.label]} if row.kind == "hidden" else leaving[row.kind]
    return places


def _leaf(value: Tensor) -> Tensor:
    value = value.detach().clone()
    return value.requires_grad_(value.is_floating_point())


def _backward(places: Mapping[Place, Tensors], last: Place) -> dict[Place, float]:
    """Give the derivative of the last output with respect to every place, or the norm of the Jacobian."""
    y = torch.cat([part.flatten() for part in places[last].values()])
    watched = [(place, part) for place, parts in places.items() for part in parts.values() if part.requires_grad]
    columns: dict[Place, list[Tensor]] = {place: [] for place in places}
    for number in y if y.requires_grad else ():
        gradients = torch.autograd.grad(number, [part for _, part in watched], retain_graph=True, allow_unused=True)
        for (place, part), gradient in zip(watched, gradients, strict=True):
            columns[place].append((torch.zeros_like(part) if gradient is None else gradient).flatten())
    return {place: _size_of(found) for place, found in columns.items()}


def _size_of(gradients: list[Tensor]) -> float:
    numbers = torch.cat(gradients) if gradients else torch.zeros(1)
    return float(numbers[0]) if len(numbers) == 1 else float(torch.linalg.vector_norm(numbers))


def _labelled(step: Dependence, place: Place, tensors: Tensors) -> Values:
    """Put the parts under the names they are drawn with."""
    drawn = step.rows[place[0]].parts
    return {name: tuple(value.detach().flatten().tolist()) for name, value in zip(drawn, tensors.values(), strict=True)}
