"""N1: one function with one set of parameters, at every step."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from everystep.cell import Cell
from everystep.cells import CELLS, LinearSystem
from everystep.tour.descent import descend
from everystep.tour.item import Item
from everystep.tour.worked_example import last_three, normal
from everystep.unroll import unroll

LENGTHS = (10, 1000, 100_000)
TRAINED_T = 20
UNROLLED_T = 12

CODE = """\
import torch, everystep as es

cell = es.cells.LinearSystem(1, 3, 1, bias=False)
for T in (10, 1000, 10_000):  # one cell, any length
    y = es.unroll(cell, torch.randn(T, 1, 1)).y
    print(len(y), sum(p.numel() for p in cell.parameters()))
"""


def compute() -> Item:
    """Run one trained model at three lengths, and hold a shared gradient against those of untied copies."""
    model = _trained()
    parameters, errors = {}, {}
    for T in LENGTHS:
        x = normal(T, 1, seed=T)
        with torch.no_grad():
            errors[str(T)] = (unroll(model, x).y - last_three(x)).square().mean().item()
        parameters[str(T)] = sum(parameter.numel() for parameter in model.parameters())
    gaps, tied, untied = _tied_against_untied()
    figures = {
        "parameters": parameters,
        "model2_parameters": {str(T): T * (T + 1) // 2 for T in LENGTHS},
        "one_model_mse": errors,
        "trained_T": TRAINED_T,
        "tied_gradient_error": max(gaps.values()),
        "tied_gradient_error_by_cell": gaps,
    }
    data = {
        "lengths": list(LENGTHS), "parameters": list(parameters.values()), "mse": list(errors.values()),
        "tied": tied, "untied": untied,
    }  # fmt: skip
    return Item("N1", "Parameter sharing across time", figures, CODE, _prose(figures), data)


def _trained() -> LinearSystem:
    torch.manual_seed(0)
    model = LinearSystem(1, 3, 1, bias=False).double()
    x = normal(TRAINED_T, 32, seed=0)
    descend(model, lambda: unroll(model, x).y, last_three(x))
    return model


def _tied_against_untied() -> tuple[dict[str, float], float, list[float]]:
    """Compare, for every cell there is, a shared parameter's gradient with the sum over T untied copies.

    Returns:
        The largest difference by cell, as a share of the largest gradient; and for the first recurrent weight of the
        linear system its shared gradient, and that of each copy.
    """
    gaps, shown = {}, (0.0, [0.0])
    for name, make in CELLS.items():
        torch.manual_seed(0)
        cell = make(2, 3).double()
        x = torch.randn(UNROLLED_T, 4, 2, dtype=torch.float64)
        target = torch.randn(UNROLLED_T, 4, cell.output_size, dtype=torch.float64)
        tied = dict(zip(dict(cell.named_parameters()), _gradient([cell] * UNROLLED_T, x, target)[0], strict=True))
        copies = [copy.deepcopy(cell) for _ in range(UNROLLED_T)]
        untied = _gradient(copies, x, target)
        sums = [torch.stack(gradients).sum(0) for gradients in zip(*untied, strict=True)]
        largest = max(gradient.abs().max() for gradient in sums)
        gaps[name] = max(
            ((one - other).abs().max() / largest).item() for one, other in zip(tied.values(), sums, strict=True)
        )
        if name == "linear":
            place = list(tied).index("W")
            shown = tied["W"][0, 0].item(), [gradients[place][0, 0].item() for gradients in untied]
    return gaps, shown[0], shown[1]


def _gradient(cells: list[Cell[Any]], x: Tensor, target: Tensor) -> list[tuple[Tensor, ...]]:
    """Give the gradient of the squared error for the parameters of each distinct cell, one cell a step."""
    state, loss = cells[0].initial_state(x.shape[1], x[0]), torch.zeros(())
    for cell, now, wanted in zip(cells, x, target, strict=True):
        state, y = cell.step(state, now)
        loss = loss + (y - wanted).square().mean()
    distinct = list({id(cell): cell for cell in cells}.values())
    everything = torch.autograd.grad(loss, [p for cell in distinct for p in cell.parameters()])
    size = len(everything) // len(distinct)
    return [everything[n : n + size] for n in range(0, len(everything), size)]


def _prose(figures: Mapping[str, Any]) -> tuple[str, ...]:
    T = str(LENGTHS[-1])
    return (
        "**One function, one set of parameters, every step.** The number of parameters does not grow with T: the "
        f"network has {figures['parameters'][T]} numbers at every length, where a separate coefficient for each pair "
        f"of steps (Model 2) would take {figures['model2_parameters'][T]:,} at T = {LENGTHS[-1]:,}.",
        "So a trained model runs on sequences longer than any that it has seen. Trained on "
        f"{TRAINED_T} steps, this one has a mean squared error of {figures['one_model_mse'][T]:.0e} over "
        f"{LENGTHS[-1]:,}.",
        "And the gradient of a shared parameter is the sum over t of the gradients of its uses. Give every step a copy "
        f"of its own, take the {UNROLLED_T} gradients and add them: for each of the {len(CELLS)} cells here the sum is "
        f"the shared gradient, to within {figures['tied_gradient_error']:.0e} of it.",
    )
