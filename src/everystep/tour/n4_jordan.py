"""N4: the Jordan network, whose output is its state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from everystep.cells import Jordan
from everystep.tour.descent import descend
from everystep.tour.item import Item
from everystep.tour.worked_example import last_three, normal
from everystep.unroll import teacher_forcing, unroll

TRAIN_T, TRAIN_ROWS = 50, 128
TEST_T, TEST_ROWS = 100, 4000
STARTING = 10  # steps not judged: from a zero start there is less to forget
SHOWN = 30  # steps of the stretch that the pictures show
Task = Callable[[Tensor], Tensor]
KEEP = 0.8  # of its own output, in the task whose state is its output

CODE = """\
import torch, everystep as es

x = torch.randn(100, 64, 1)
y = x.clone()
y[1:] += x[:-1]
y[2:] += x[:-2]
cell = es.cells.Jordan(1, 1, 1, sigma_h="identity")
# told the target of the step before
forced = es.unroll(cell, x, forced=es.teacher_forcing(y)).y
# fed with its own output
free = es.unroll(cell, x).y
"""


def compute() -> Item:
    """Train Jordan networks forced and free on the worked example, and on two tasks that suit them."""
    tested = {
        "scalar_forced": _tested(last_three, hidden=1, forced=True),
        "scalar_free": _tested(last_three, hidden=1, forced=False),
        "vector": _tested(register, hidden=3, forced=True),
        "leaky": _tested(leaking, hidden=1, forced=True),
    }
    figures = {
        "scalar": {
            "trained_forced": _errors(tested["scalar_forced"]),
            "trained_free": _errors(tested["scalar_free"]),
            "forced_floor": forced_floor(),
            "free_floor": free_floor(),
        },
        "vector": _relative_errors(tested["vector"]),
        "leaky": _relative_errors(tested["leaky"]),
        "test_samples": (TEST_T - STARTING) * TEST_ROWS,
    }
    data = {
        name: {line: values[:SHOWN, 0, 0].tolist() for line, values in lines.items()} for name, lines in tested.items()
    }
    return Item("N4", "The Jordan network", figures, CODE, _prose(figures), data)


def register(x: Tensor) -> Tensor:
    """Give [y(t), x(t), x(t-1)]: outputs that show all that the worked example has to remember."""
    return torch.cat([last_three(x), x, torch.cat([torch.zeros_like(x[:1]), x[:-1]])], dim=2)


def leaking(x: Tensor) -> Tensor:
    """Give y(t+1) = 0.8 y(t) + x(t+1): a task whose state is its output."""
    y, held = [], torch.zeros_like(x[0])
    for now in x:
        held = KEEP * held + now
        y.append(held)
    return torch.stack(y)


def forced_floor() -> float:
    """Give the error of the best y(t+1) = x(t+1) + a y(t): what x(t+1) leaves open, regressed on the last target."""
    ahead, behind = np.array([1.0, 1, 0]), np.array([1.0, 1, 1])  # x(t) + x(t-1), and y(t), by their weights
    return float(ahead @ ahead - (ahead @ behind) ** 2 / (behind @ behind))


def free_floor() -> float:
    """Give the error of the best impulse response b, ab, a²b ... for 1, 1, 1, 0 ...

    For each a the best b leaves 3 - (1 + a + a²)² (1 - a²), which is smallest where the polynomial below is zero.
    """
    flat = np.roots([-3, -2, 1, 1])
    a = np.real(flat[np.abs(np.imag(flat)) < 1e-12])
    a = a[np.abs(a) < 1]
    return float(np.min(3 - (1 + a + a**2) ** 2 * (1 - a**2)))


def _run(cell: Jordan, x: Tensor, target: Tensor, *, forced: bool) -> Tensor:
    return unroll(cell, x, forced=teacher_forcing(target) if forced else None).y


def _tested(task: Task, hidden: int, *, forced: bool) -> dict[str, Tensor]:
    """Train a Jordan network, and run it on fresh sequences: the target, ŷ when forced, and ŷ when free."""
    cell = _trained(task, hidden, forced=forced)
    x = normal(TEST_T, TEST_ROWS, seed=1)
    target = task(x)
    with torch.no_grad():
        runs = {name: _run(cell, x, target, forced=name == "forced") for name in ("forced", "free")}
    return {"target": target, **runs}


def _trained(task: Task, hidden: int, *, forced: bool) -> Jordan:
    torch.manual_seed(0)
    x = normal(TRAIN_T, TRAIN_ROWS, seed=0)
    target = task(x)
    cell = Jordan(1, hidden, target.shape[2], sigma_h="identity").double()
    descend(cell, lambda: _run(cell, x, target, forced=forced), target, steps=60)
    return cell


def _errors(lines: Mapping[str, Tensor]) -> dict[str, float]:
    target, forced, free = (lines[name][STARTING:] for name in ("target", "forced", "free"))
    return {"forced_mse": (forced - target).square().mean().item(), "free_mse": (free - target).square().mean().item()}


def _relative_errors(lines: Mapping[str, Tensor]) -> dict[str, float]:
    size = lines["target"][STARTING:].square().mean().item()
    return {name: error / size for name, error in _errors(lines).items()}


def _prose(figures: Mapping[str, Any]) -> tuple[str, ...]:
    scalar = figures["scalar"]
    forced, free = scalar["trained_forced"], scalar["trained_free"]
    return (
        "**The output is the state.** In a Jordan network the recurrence goes through y; s is only a hidden layer, "
        "and what y does not show is forgotten. In training, what is fed back is the model's own output (free "
        "running) or the target of the step before (teacher forcing).",
        "So with one output it can't do the worked example, y(t) = x(t) + x(t-1) + x(t-2). The best forced one is "
        f"y(t+1) = x(t+1) + 2/3 y(t), with error {scalar['forced_floor']:.4f}; the trained one reaches "
        f"{forced['forced_mse']:.4f}, and left to itself {forced['free_mse']:.4f}. Trained free, a linear one can get "
        f"down to {scalar['free_floor']:.4f}, and gets to {free['free_mse']:.4f} (each on "
        f"{figures['test_samples']:,} fresh samples, which alone move the last two digits). How it was trained "
        "decides what it is good at.",
        "With the outputs [y(t), x(t), x(t-1)] nothing has to be forgotten, and the error is "
        f"{figures['vector']['free_mse']:.0e} of the target's mean square. So it is where the state is the output by "
        f"nature: y(t+1) = {KEEP} y(t) + x(t+1) is learnt to {figures['leaky']['free_mse']:.0e}.",
    )
