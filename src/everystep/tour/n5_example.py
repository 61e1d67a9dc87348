"""N5: the worked example, by Models 1, 2 and 3; Model 3 also learnt, and found in closed form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from everystep.baselines import FeedForward, GeneralLinear
from everystep.errors import ArgumentError
from everystep.identify import identify
from everystep.tour import n5_learned
from everystep.tour.descent import descend
from everystep.tour.item import Item
from everystep.tour.worked_example import last_three, model3, normal, relative_mse
from everystep.unroll import unroll

T = 20
ROWS = 50_000  # fresh sequences: a million samples
T_LONG = 1_000_000  # for the exact network
T_LEARNED = 100_000  # for those that learned
IDENTIFIED_T = 200

CODE = """\
import torch, everystep as es

# Model 3: 15 numbers
torch.set_default_dtype(torch.float64)
cell = es.cells.LinearSystem(1, 3, 1, bias=False)
with torch.no_grad():
    cell.W.copy_(torch.tensor([[0., 0, 0], [1, 0, 0], [0, 1, 0]]))
    cell.U.copy_(torch.tensor([[1.], [0], [0]]))
    cell.V.copy_(torch.tensor([[1., 1, 1]]))
x = torch.tensor([1., 2, 3, 4, 5]).reshape(5, 1, 1)
print(es.unroll(cell, x).y.flatten())  # 1, 3, 6, 9, 12

# the same W, U, V from data alone
x = torch.randn(200, 1, 1)
found = es.identify(x, es.unroll(cell, x).y)
"""


def compute(x: Sequence[float] = (1, 2, 3, 4, 5)) -> Item:
    """Judge the notes' three models on independent x ~ N(0, 1), learn the third, and find it in closed form.

    Args:
        x: What the pictures show the models on.
    """
    memoryless, general, exact = _feed_forward(), _general_linear(), model3()
    fresh = normal(T, ROWS, seed=2)
    figures = {
        "T": T,
        "samples": T * ROWS,
        "example": _on(exact, [1, 2, 3, 4, 5]),
        "model1": _judge_model1(memoryless, fresh),
        "model2": _judge_model2(general, fresh),
        "model3": _judge_model3(exact),
        "learned": n5_learned.compute(T, T_LEARNED),
        "identified": _identified(),
    }
    shown = _answers(memoryless, general, exact, torch.tensor([float(value) for value in x]))
    random = _answers(memoryless, general, exact, normal(T, 1, seed=3).flatten())
    alphas = [alpha.flatten().tolist() for alpha in general.alpha]
    data = {**shown, "random": random, "alphas": alphas}
    return Item("N5", "The worked example", figures, CODE, _prose(figures), data)


def _feed_forward() -> FeedForward:
    torch.manual_seed(0)
    model = FeedForward(1, 1, hidden_size=8).double()
    x = normal(T, 5000, seed=0)
    descend(model, lambda: model(x), last_three(x), steps=30)
    return model


def _general_linear() -> GeneralLinear:
    x = normal(T, 500, seed=0)
    return GeneralLinear().fit(x, last_three(x))


def _judge_model1(model: FeedForward, x: Tensor) -> dict[str, float]:
    with torch.no_grad():
        mse = (model(x) - last_three(x)).square().mean().item()
    return {"mse": mse, "mse_floor": (1 + 2 * (T - 2)) / T}


def _judge_model2(model: GeneralLinear, x: Tensor) -> dict[str, Any]:
    try:
        model(normal(T + 1, 1, seed=0))
        beyond, reason = "answered", ""
    except ArgumentError as refusal:
        beyond, reason = "refused", str(refusal)
    return {
        "mse_within": (model(x) - last_three(x)).square().mean().item(),
        "parameters": model.parameters_count,
        "beyond": beyond,
        "reason": reason,
    }


def _judge_model3(model: torch.nn.Module) -> dict[str, Any]:
    """Use whole numbers: their sums are exact in floating point, so that exact means exact."""
    errors = []
    for steps, rows in ((T, 1000), (T_LONG, 1)):
        x = torch.randint(-9, 10, (steps, rows, 1), generator=torch.Generator().manual_seed(4)).double()
        with torch.no_grad():
            errors.append((unroll(model, x).y - last_three(x)).square().mean().item())
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return {"mse": errors[0], "mse_long": errors[1], "T_long": T_LONG, "parameters": parameters}


def _identified() -> dict[str, Any]:
    x = normal(IDENTIFIED_T, 1, seed=5)
    found = identify(x, last_three(x))
    fresh = normal(T, 1000, seed=6)
    with torch.no_grad():
        mse = relative_mse(unroll(found, fresh).y, last_three(fresh))
    matrices = {name: getattr(found, name).detach().tolist() for name in ("W", "U", "V")}
    return {"mse": mse, "state_size": found.part_sizes["s"], **matrices, "steps": IDENTIFIED_T}


def _on(model: torch.nn.Module, x: Sequence[float]) -> list[float]:
    with torch.no_grad():
        return unroll(model, torch.tensor(x, dtype=torch.float64).reshape(-1, 1, 1)).y.flatten().tolist()


def _answers(model1: FeedForward, model2: GeneralLinear, model3: torch.nn.Module, x: Tensor) -> dict[str, list[Any]]:
    """Give each model's ŷ on one sequence; None where Model 2 has no alpha."""
    column = x.double().reshape(-1, 1, 1)
    with torch.no_grad():
        answers = {
            "x": column,
            "y": last_three(column),
            "model1": model1(column),
            "model2": model2(column[:T]),
            "model3": unroll(model3, column).y,
        }
    lists = {name: values.flatten().tolist() for name, values in answers.items()}
    lists["model2"] += [None] * (len(column) - len(lists["model2"]))
    return lists


def _prose(figures: Mapping[str, Any]) -> tuple[str, ...]:
    one, two, three, found = (figures[name] for name in ("model1", "model2", "model3", "identified"))
    learned = figures["learned"]
    return (
        "**The task.** y(t) = x(t) + x(t-1) + x(t-2), with x(t) = 0 before the first step: 1, 2, 3, 4, 5 gives "
        f"{', '.join(f'{value:g}' for value in figures['example'])}. The models are judged on independent "
        "x ~ N(0, 1): on 1 … 5 itself y = 3x - 3 from t = 2 on, and even Model 1 seems to succeed (5, 4, 3, 2, 1 "
        "shows that it does not).",
        "**Model 1, a feed-forward network on x(t) alone: no memory.** Its error can't go below what x(t) does not "
        f"say of y(t), {one['mse_floor']:.4f} on average over {figures['T']} steps. It reaches {one['mse']:.4f} on "
        f"{figures['samples']:,} fresh samples.",
        "**Model 2, a general linear function of the whole past: no inference.** Within "
        f"{figures['T']} steps its error is {two['mse_within']:.0e}. But it has an α of its own for each t, "
        f"{two['parameters']} numbers, and asked for step {figures['T'] + 1} it has none.",
        "**Model 3, a recurrent network, three units, linear.** The state is a shift register of the last three "
        f"inputs. On whole numbers its error is {three['mse']:g} over {figures['T']} steps and {three['mse_long']:g} "
        f"over {three['T_long']:,}, with {three['parameters']} numbers.",
        "**Learnt.** From random weights by gradient descent (L-BFGS), the same cell gets to a relative error of "
        f"{learned['mse']:.0e} at worst over {len(learned['seeds'])} seeds, and {learned['mse_T100000']:.0e} over "
        f"{T_LEARNED:,} steps. An Elman network with tanh gets to {learned['elman']['mse']:.0e}, an LSTM to "
        f"{learned['lstm']['mse']:.0e}: squashing does not help where the task is linear.",
        f"**Found in closed form.** From {found['steps']} steps of data the impulse response is estimated. Its "
        f"Hankel matrix has rank {found['state_size']}, and in the basis [U, WU, W²U] the system is the notes' own W, "
        f"U and V, with a relative error of {found['mse']:.0e}.",
    )
